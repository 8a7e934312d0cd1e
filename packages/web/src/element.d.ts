/** What `comments:loaded` tells in `detail`: how many comments the page has, and by which address it is known. */
export interface Loaded {
  count: number;
  page_url: string;
}

/** What `comments:posted` tells in `detail`; `id` is null where the service says no more than that it has the comment. */
export interface Posted {
  id: string | null;
  parent_id: string | null;
  page_url: string;
}

export type { Language } from "./language.js";
export type Order = "oldest" | "newest";

/** `<moderated-comments>`: the comments of a page and the form for one more. Its attributes are in the README. */
export class ModeratedComments extends HTMLElement {}

declare global {
  interface HTMLElementTagNameMap {
    "moderated-comments": ModeratedComments;
  }
  interface HTMLElementEventMap {
    "comments:loaded": CustomEvent<Loaded>;
    "comments:posted": CustomEvent<Posted>;
  }
}
