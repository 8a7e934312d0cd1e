/* How to do the work that a browser may be asked for is a script of its own, which few readers need. */
import { base } from "./service.js";

export const workScript = () => import(`${base}embed/work.js`);
