/* The element as a component of Vue; a server renders the tag alone, and a browser fetches what fills it. */
import { defineComponent, h, onMounted } from "vue";

export const ModeratedComments = defineComponent({
  name: "ModeratedComments",
  props: { service: { type: String, required: true }, pageUrl: String, pageTitle: String, lang: String, order: String, loading: String },
  emits: ["loaded", "posted"],
  setup(props, { emit, slots }) {
    onMounted(() => import("./element.js"));
    return () => {
      const { service, lang, order, loading, pageUrl, pageTitle } = props;
      const attributes = { service, lang, order, loading, "page-url": pageUrl, "page-title": pageTitle };
      const events = {
        "onComments:loaded": ({ detail }) => emit("loaded", detail),
        "onComments:posted": ({ detail }) => emit("posted", detail),
      };
      return h("moderated-comments", { ...attributes, ...events }, slots.default?.());
    };
  },
});
