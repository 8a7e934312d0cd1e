((own) => {
  "use strict";
  const script = document.currentScript;
  const api = new URL("../api/v1/counts", script.src);
  const LONGEST_ADDRESS = 4000;
  const MOST_IN_ADDRESS = 200;
  const MOST_IN_BODY = 1000;

  /* The language: as the site says, in `data-lang` or in the address of this script, else that of the page. */
  const asked = [
    script.dataset.lang,
    new URL(script.src).searchParams.get("lang"),
    document.documentElement.lang,
    ...navigator.languages,
  ];
  const spoken = asked.map((one) => (one ?? "").slice(0, 2).toLowerCase());
  const language = spoken.find((one) => one in own) ?? "en";
  const words = own[language];

  const said = (element, count) => {
    if (!("commentsWords" in element.dataset)) return String(count);
    const text = count ? (count === 1 ? words.one : words.many) : words.none;
    return text.replace("%(count)s", count.toLocaleString(language));
  };

  /* The address that an element means: the one that it names, that of the link, or the page's own. */
  const meant = (element) => {
    const page = document.querySelector("link[rel~=canonical][href]")?.href ?? location.href;
    try {
      return new URL(element.dataset.commentsCount || element.href || page, document.baseURI).href;
    } catch {
      return "";
    }
  };

  const question = (urls) => {
    const address = new URL(api);
    for (const url of urls) address.searchParams.append("page_url", url);
    if (urls.length <= MOST_IN_ADDRESS && address.href.length <= LONGEST_ADDRESS) return [address, {}];
    const headers = { "Content-Type": "application/json" };
    return [api, { method: "POST", headers, body: JSON.stringify({ page_urls: urls }) }];
  };

  const complain = (urls) => {
    const origins = [...new Set(urls.map((url) => new URL(url).origin))].join(", ");
    console.warn(
      `${api.host} does not count comments of ${origins}: no site lists it under "origins" in the sites file (MODERATION_SITES).`,
    );
  };

  /* Those that the service refuses are named by their place; it is asked once more, for the others. */
  const ask = async (urls) => {
    const [address, options] = question(urls);
    const answer = await fetch(address, { credentials: "omit", ...options });
    const found = await answer.json();
    if (answer.ok) return found.counts;
    const refused = new Set(Object.keys(found.errors ?? {}).map((name) => Number(name.split(".")[1])));
    if (found.type.endsWith(":unknown_site")) complain(urls.filter((_, place) => refused.has(place)));
    const others = urls.filter((_, place) => !refused.has(place));
    return others.length && others.length < urls.length ? ask(others) : {};
  };

  const start = async () => {
    const places = new Map();
    for (const element of document.querySelectorAll("[data-comments-count]")) {
      const url = meant(element);
      if (/^https?:/.test(url)) places.set(url, [...(places.get(url) ?? []), element]);
    }
    const urls = [...places.keys()];
    for (let first = 0; first < urls.length; first += MOST_IN_BODY) {
      try {
        const counts = await ask(urls.slice(first, first + MOST_IN_BODY));
        for (const [url, count] of Object.entries(counts)) {
          for (const element of places.get(url)) element.textContent = said(element, count);
        }
      } catch {
        /* What stands in the elements stays there. */
      }
    }
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})
