// Where the page has a service worker (templates/sw.js), it works without a connection after the first visit.

// config: { worker: its address, generation: of the page and the worker that belongs to it }, or neither.
export async function keepForOffline({ worker, generation }) {
  if (!worker || !navigator.serviceWorker) return;
  const offer = (one) => one?.state === 'installed' && one.postMessage(generation); // it may take over from an older one
  try {
    const registration = await navigator.serviceWorker.register(worker, { updateViaCache: 'none' });
    const watch = (one) => one?.addEventListener('statechange', () => offer(one));
    registration.addEventListener('updatefound', () => watch(registration.installing));
    watch(registration.installing);
    offer(registration.waiting);
  } catch {
    // private windows and old addresses have none; all else works
  }
}
