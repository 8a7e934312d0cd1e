import type { ReactElement, ReactNode } from "react";
import type { Loaded, Posted } from "./element.js";
import type { Props } from "./props.js";

export interface ModeratedCommentsProps extends Props {
  onLoaded?: ((loaded: Loaded) => void) | undefined;
  onPosted?: ((posted: Posted) => void) | undefined;
  /** Shown until the comments are there. */
  children?: ReactNode;
}

export function ModeratedComments(props: ModeratedCommentsProps): ReactElement;
