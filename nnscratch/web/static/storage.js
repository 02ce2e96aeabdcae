// What the browser keeps for the page. It may be blocked or full, and hold what anybody wrote: nothing here throws.

// What is kept under a name, or null where there is nothing, or what is no JSON.
export function kept(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
}

// Keep a value; of nothing (null), forget it. Returns whether the browser does so.
export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

// fn is called when another tab has kept something else under a name.
export function onChange(name, fn) {
  addEventListener('storage', ({ key }) => { if (key === name || key === null) fn(); }); // null: all was forgotten
}
