/*
 * The comments of a page for Next.js with its App Router: as they are when the page is rendered, on the server, and
 * today's in the reader's browser. NEXT_PUBLIC_COMMENTS_SERVICE names the service, NEXT_PUBLIC_SITE the website.
 */
import Script from "next/script";

const SECONDS = 10;
const service = process.env.NEXT_PUBLIC_COMMENTS_SERVICE;
const site = process.env.NEXT_PUBLIC_SITE;

async function fragment(asked) {
  try {
    const answer = await fetch(`${service}/embed/comments.html?${asked}`, {
      next: { revalidate: 60 },
      signal: AbortSignal.timeout(SECONDS * 1000),
    });
    if (answer.ok) return await answer.text();
    console.warn(`comments: ${answer.status} for ${asked.get("page_url")}`);
  } catch (error) {
    console.warn(`comments: ${error.name} for ${asked.get("page_url")}`);
  }
  return "";
}

export async function Comments({ path, title = "", language = "en", label = "Comments" }) {
  const page = new URL(path, site).href;
  const asked = new URLSearchParams({ page_url: page, lang: language });
  return (
    <>
      <div id="comments">
        <div dangerouslySetInnerHTML={{ __html: await fragment(asked) }} />
        <p>
          <a href={`${service}/comments?${asked}`}>{label}</a>
        </p>
      </div>
      <Script src={`${service}/embed/comments.js?lang=${language}`} data-page-url={page} data-page-title={title} />
    </>
  );
}

export function CommentsCount({ href, label = "Comments" }) {
  const page = new URL(href, site).href;
  return (
    <a href={`${page}#comments`} data-comments-count={page} data-comments-words="">
      {label}
    </a>
  );
}

export function CommentsCountScript({ language = "en" }) {
  return <Script src={`${service}/embed/counts.js?lang=${language}`} />;
}
