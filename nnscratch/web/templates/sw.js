// The service worker of the static page, which works without a connection after the first visit, and in which a page
// never meets a module of another generation: addresses of modules and networks say what is in them, all that a
// generation loads at once is kept in one cache together with its page or not at all, and this worker answers for the
// addresses of its own generation alone. The page itself is asked for first, and taken from the cache where no answer
// comes. An older generation's cache goes when this worker takes over: when no page is open that might use it.

const GENERATION = {{ generation|tojson }};
const FIRST = {{ first|tojson(indent=1) }}; // kept from the first visit on
const LATER = {{ later|tojson(indent=1) }}; // kept once they were asked for

const PAGE = self.registration.scope;
const CACHES = `nnscratch ${PAGE} `; // of all generations; other pages of this host have caches, too
const CACHE = CACHES + GENERATION;
const absolute = (address) => new URL(address, PAGE).href;
const OWN = new Set([...FIRST, ...LATER].map(absolute));

self.addEventListener('install', (event) => event.waitUntil(install()));
self.addEventListener('activate', (event) => event.waitUntil(activate()));
self.addEventListener('message', (event) => {
  if (event.data === GENERATION) event.waitUntil(takeOverIfAlone());
});
self.addEventListener('fetch', (event) => {
  const { method, mode, url } = event.request;
  if (method !== 'GET') return;
  if (mode === 'navigate') {
    if (isPage(url)) event.respondWith(page(event.request));
  } else if (OWN.has(url)) {
    event.respondWith(kept(event.request));
  } // all else is between the page and its host
});

function isPage(url) {
  const { origin, pathname } = new URL(url);
  return [PAGE, absolute('index.html')].includes(origin + pathname);
}

// Fails, and is tried again at the next visit, while the host still has another page than that of this worker.
async function install() {
  const answer = await fetch(PAGE, { cache: 'no-cache' });
  const text = await answer.text();
  if (!answer.ok || !text.includes(GENERATION)) throw new Error('the page is of another generation than its worker');
  const cache = await caches.open(CACHE);
  await cache.addAll(FIRST.map(absolute));
  await cache.put(PAGE, new Response(text, { headers: { 'Content-Type': 'text/html; charset=utf-8' } }));
}

async function activate() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(CACHES) && name !== CACHE).map((name) => caches.delete(name)));
  await self.clients.claim();
}

// A page of this generation has come in the place of an older one: without others, there is nobody to wait for.
async function takeOverIfAlone() {
  const open = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  if (open.filter(({ url }) => url.startsWith(PAGE)).length === 1) await self.skipWaiting();
}

async function page(request) {
  try {
    const answer = await fetch(request, { cache: 'no-cache' });
    if (answer.status < 500) return answer;
  } catch {
    // no connection
  }
  return (await (await caches.open(CACHE)).match(PAGE)) ?? Response.error();
}

async function kept(request) {
  const cache = await caches.open(CACHE);
  const found = await cache.match(request, { ignoreVary: true });
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone()).catch(() => {}); // a full disk is no reason not to answer
  return answer;
}
