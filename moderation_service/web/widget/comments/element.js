/* The element: a shadow root that is out of reach of the page's styles, and within its policy. */
import { own } from "./own.js";
import { baseOf } from "./service.js";
import { widgetIn } from "./widget.js";
import { speak } from "./words.js";

export const NAME = "moderated-comments";
const sheet = new CSSStyleSheet();
sheet.replaceSync(own.css);

export class ModeratedComments extends HTMLElement {
  static observedAttributes = ["page-url", "page-title", "lang", "order", "service"];
  #widget = null;
  #life = null;
  #turn = 0;

  connectedCallback() {
    if (!this.shadowRoot) this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
    this.#life = new AbortController();
    if (this.#widget) this.#widget.live(this.#life.signal);
    else this.#build();
  }

  disconnectedCallback() {
    this.#life.abort();
  }

  attributeChangedCallback(name, former, value) {
    if (!this.#life || former === value) return;
    if (name === "order") this.#widget?.setOrder(value);
    else if (/page/.test(name)) this.#widget?.look();
    else this.#build();
  }

  async #build() {
    const turn = (this.#turn += 1);
    const spoken = await speak(this);
    if (turn !== this.#turn) return;
    const isLive = !this.#life.signal.aborted;
    this.#life.abort();
    if (isLive) this.#life = new AbortController();
    this.#widget = widgetIn(this.shadowRoot, this, { ...spoken, base: baseOf(this) });
    this.#widget.setOrder(this.getAttribute("order"));
    if (isLive) this.#widget.live(this.#life.signal);
  }
}
