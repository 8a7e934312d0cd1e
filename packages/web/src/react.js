"use client";
/* The element as a component of React; a server renders the tag alone, and a browser fetches what fills it. */
import { createElement, useEffect, useRef } from "react";

/* React 18 knows no events of custom elements. */
const useEvent = (element, name, told) => {
  useEffect(() => {
    if (!told) return undefined;
    const listener = ({ detail }) => told(detail);
    const host = element.current;
    host.addEventListener(name, listener);
    return () => host.removeEventListener(name, listener);
  }, [element, name, told]);
};

export const ModeratedComments = ({ service, pageUrl, pageTitle, lang, order, loading, ...rest }) => {
  const { onLoaded, onPosted, children } = rest;
  const element = useRef(null);
  useEffect(() => {
    import("./element.js");
  }, []);
  useEvent(element, "comments:loaded", onLoaded);
  useEvent(element, "comments:posted", onPosted);
  const attributes = { service, lang, order, loading, "page-url": pageUrl, "page-title": pageTitle };
  return createElement("moderated-comments", { ref: element, ...attributes }, children);
};
