import type { AllowedComponentProps, VNode, VNodeProps } from "vue";
import type { Loaded, Posted } from "./element.js";
import type { Props } from "./props.js";

export interface ModeratedCommentsProps extends Props {
  onLoaded?: ((loaded: Loaded) => void) | undefined;
  onPosted?: ((posted: Posted) => void) | undefined;
}

export const ModeratedComments: new () => {
  $props: AllowedComponentProps & VNodeProps & ModeratedCommentsProps;
  /** Shown until the comments are there. */
  $slots: { default?: () => VNode[] };
};
