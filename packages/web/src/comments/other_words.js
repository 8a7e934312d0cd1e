/* Words in another language than English are modules beside this one; a site's readers fetch those of their language. */
import { own } from "./own.js";

export const fetched = async (language) => (await own.others[language]()).words;
