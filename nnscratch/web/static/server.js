// Questions to the server, which alone reads pictures and photos.

const TRIES = 2; // more, where the server is busy
const LONGEST = 10; // seconds that a busy server may ask for

export function post(address, body) {
  return get(address, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
}

// The answer's JSON. Throws an Error, one sentence for people.
export async function get(address, options = {}, tries = TRIES) {
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw new Error('The server does not answer. What you drew is kept: start the server again, and ask once more.');
  }
  if (response.status === 503 && tries > 0) {
    const seconds = Number(response.headers.get('Retry-After')) || 1;
    await new Promise((done) => setTimeout(done, 1000 * Math.min(seconds, LONGEST)));
    return get(address, options, tries - 1);
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(sentence(body.error?.message ?? `the server answered with ${response.status}`));
  return body;
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;
