/* How to do the work that a browser may be asked for is a part of the bundle that few readers load. */
export const workScript = () => import("./work.js");
