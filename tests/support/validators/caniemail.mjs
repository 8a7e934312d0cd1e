// Reads {clients, mails: {name: html}} and writes {name: [[feature, client], ...]}: what a client is known not to support.
import { readFileSync } from 'node:fs';

import { caniemail, rawData } from 'caniemail';

const { clients, mails } = JSON.parse(readFileSync(0, 'utf-8'));

// The package fails at a feature that nobody has tried in a client; such a one is taken as supported.
for (const { stats } of rawData.data)
  for (const client of clients) {
    const [family, platform] = client.split('.');
    stats[family] ??= {};
    stats[family][platform] ??= { untried: 'y' };
  }

const unsupported = (html) => {
  const pairs = [...caniemail({ clients, html }).issues.errors].flatMap(([client, issues]) =>
    issues.map(({ title }) => JSON.stringify([title, client])),
  );
  return [...new Set(pairs)].sort().map((pair) => JSON.parse(pair));
};

process.stdout.write(JSON.stringify(Object.fromEntries(Object.entries(mails).map(([name, html]) => [name, unsupported(html)]))));
