/* Tells the page that shows this one in a frame how high it is: {type: "comments:height", height}, in CSS pixels.
   The policy of this page lets only pages of its site frame it, so nobody else is there to hear. */
"use strict";

const root = document.documentElement;
let told = 0;

function tell() {
  const height = Math.ceil(root.getBoundingClientRect().height);
  if (height !== told) {
    told = height;
    window.parent.postMessage({ type: "comments:height", height }, "*");
  }
}

if (window.parent !== window) new ResizeObserver(tell).observe(root);
