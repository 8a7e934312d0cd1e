/* The work that the service asks a browser for when a comment looks suspicious (ALTCHA's proof of work, version 2):
   it is fetched then only, and nobody sees or hears anything of it. */

/* Looks from a number on for that with which a SHA-256 begins with a prefix, until `isOver` says that it is time to
   pause. It stands alone, so that a worker can be made of its text: only what is in it is there. `crypto.subtle` is
   not open to pages under plain http, and takes longer to be asked than to answer. */
const searching = () => {
  const isPrime = (n) => {
    for (let by = 2; by * by <= n; by += 1) if (n % by === 0) return false;
    return true;
  };
  const fraction = (x) => ((x - Math.floor(x)) * 2 ** 32) | 0;
  const K = [];
  const H = [];
  for (let n = 2; K.length < 64; n += 1) {
    if (!isPrime(n)) continue;
    if (H.length < 8) H.push(fraction(Math.sqrt(n)));
    K.push(fraction(Math.cbrt(n)));
  }
  const k = Int32Array.from(K);
  const w = new Int32Array(64);
  const out = new Int32Array(8);

  /* Hashes one block of sixteen words. */
  const hash = (block) => {
    w.set(block);
    for (let i = 16; i < 64; i += 1) {
      const x = w[i - 15];
      const y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    let a = H[0];
    let b = H[1];
    let c = H[2];
    let d = H[3];
    let e = H[4];
    let f = H[5];
    let g = H[6];
    let h = H[7];
    for (let i = 0; i < 64; i += 1) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + k[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    out[0] = a + H[0];
    out[1] = b + H[1];
    out[2] = c + H[2];
    out[3] = d + H[3];
    out[4] = e + H[4];
    out[5] = f + H[5];
    out[6] = g + H[6];
    out[7] = h + H[7];
  };

  const words = (hex) => (hex.match(/.{8}/g) ?? []).map((one) => parseInt(one, 16) | 0);
  const OFTEN = 256;

  return ({ salt, nonce, keyPrefix }) => {
    const before = words(salt + nonce);
    const block = new Int32Array(16);
    block.set(before);
    block[before.length + 1] = 1 << 31;
    block[15] = (before.length + 1) * 32;
    const prefix = words(keyPrefix);
    let counter = 0;
    return (isOver) => {
      do {
        block[before.length] = counter;
        hash(block);
        if (out[0] === prefix[0] && prefix.every((one, i) => one === out[i])) {
          const derivedKey = [...out].map((one) => (one >>> 0).toString(16).padStart(8, "0")).join("");
          return { counter, derivedKey };
        }
        counter += 1;
      } while (counter % OFTEN || !isOver());
      return null;
    };
  };
};

/* In a worker; where the page's policy forbids one that is made of a text, this fails at once or a moment later. */
const inWorker = (parameters) =>
  new Promise((resolve, reject) => {
    const text = `postMessage((${searching})()(${JSON.stringify(parameters)})(() => false))`;
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const worker = new Worker(address);
    const end = (settle) => (event) => {
      worker.terminate();
      URL.revokeObjectURL(address);
      settle(event.data);
    };
    worker.onmessage = end(resolve);
    worker.onerror = end(reject);
  });

const SLICE = 10;

/* Here, in slices of milliseconds, so that the page goes on between them. */
const inSlices = async (parameters) => {
  const search = searching()(parameters);
  for (;;) {
    const end = performance.now() + SLICE;
    const found = search(() => performance.now() > end);
    if (found) return found;
    await new Promise((go) => setTimeout(go));
  }
};

/* Does the work that came with the answer to a comment, and sends what was found by the widget's own `request`. */
export const prove = async ({ challenge, receipt_url }, spoken, request) => {
  const solution = await inWorker(challenge.parameters).catch(() => inSlices(challenge.parameters));
  const proof = btoa(JSON.stringify({ challenge, solution }));
  const token = receipt_url.split("/").pop();
  await request(`receipts/${token}/proof`, spoken, { method: "POST", body: JSON.stringify({ proof }) });
};
