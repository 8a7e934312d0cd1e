/*
 * A plugin for Eleventy 3: the comments of a page as they are when the site is built, and today's in the reader's
 * browser.
 *
 *   import comments from "./comments.js";
 *   export default (config) => {
 *     config.addPlugin(comments, { service: "https://comments.example.net", site: "https://www.example.org" });
 *   };
 */

const SECONDS = 10;
const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

const escape = (text) => String(text).replace(/[&<>"]/g, (one) => ESCAPES[one]);

async function fragment(service, asked) {
  try {
    const answer = await fetch(`${service}/embed/comments.html?${asked}`, { signal: AbortSignal.timeout(SECONDS * 1000) });
    if (answer.ok) return await answer.text();
    console.warn(`comments: ${answer.status} for ${asked.get("page_url")}`);
  } catch (error) {
    console.warn(`comments: ${error.name} for ${asked.get("page_url")}`);
  }
  return "";
}

export default function comments(config, { service, site, language = "en", label = "Comments" }) {
  const address = (path) => new URL(path, site).href;

  config.addAsyncShortcode("comments", async function () {
    const page = address(this.page.url);
    const asked = new URLSearchParams({ page_url: page, lang: language });
    const title = escape(this.ctx?.title ?? "");
    return `<div id="comments">${await fragment(service, asked)}<p><a href="${escape(`${service}/comments?${asked}`)}">${escape(label)}</a></p></div>
<script src="${escape(service)}/embed/comments.js?lang=${language}" data-page-url="${escape(page)}" data-page-title="${title}" async></script>`;
  });

  config.addShortcode("commentsCount", (path) => {
    const page = escape(address(path));
    return `<a href="${page}#comments" data-comments-count="${page}" data-comments-words>${escape(label)}</a>`;
  });

  config.addShortcode(
    "commentsCountScript",
    () => `<script src="${escape(service)}/embed/counts.js?lang=${language}" async></script>`,
  );
}
