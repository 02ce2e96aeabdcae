// Gives a file to the browser, which saves it where it saves such files.

import { element } from '../dom.js';

export function saved(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = element('a', { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
