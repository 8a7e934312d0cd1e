/* What stays on the reader's device, in this tab (`sessionStorage`) or beyond it; where nothing may be kept, nothing is. */

const PREFIX = "moderated-comments ";

export const recall = (place, key) => {
  try {
    return JSON.parse(window[place].getItem(PREFIX + key));
  } catch {
    return null;
  }
};

/* Keeps a value; an empty one (null, or no entries) is removed. */
export const keep = (place, key, value) => {
  try {
    if (value && Object.keys(value).length) window[place].setItem(PREFIX + key, JSON.stringify(value));
    else window[place].removeItem(PREFIX + key);
  } catch {
    /* A page in a frame without storage of its own, or a full one. */
  }
};
