import type { Order } from "./element.js";
import type { Language } from "./language.js";

export interface Props {
  /** Where the service is, such as `https://comments.example.net`. */
  service: string;
  /** The page that is commented on; else the page's canonical address. */
  pageUrl?: string | undefined;
  /** Else the title of the document. */
  pageTitle?: string | undefined;
  /** Else the language of the text around. A regional form of one, as `de-AT`, tells how dates are written. */
  lang?: Language | `${Language}-${string}` | undefined;
  order?: Order | undefined;
  /** Else the comments are loaded when the reader comes near. */
  loading?: "eager" | undefined;
}
