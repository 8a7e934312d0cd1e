/* Importing this defines `<moderated-comments>`. It needs a browser: on a server, import it where only a browser goes. */
import { ModeratedComments, NAME } from "./comments/element.js";

if (!customElements.get(NAME)) customElements.define(NAME, ModeratedComments);

export { ModeratedComments };
