// Mounts explorers in the static site: each <div class="convbook-widget" data-widget data-state>
// gets the module that the page loaded for it, with a model that holds its state.
(() => {
  const modules = (window.convbookWidgets ??= {});

  function modelOf(state) {
    const values = { state };
    const listeners = {};
    return {
      get: (key) => values[key],
      set(key, value) {
        values[key] = value;
        for (const listener of listeners[`change:${key}`] ?? []) listener();
      },
      save_changes() {},
      on: (event, listener) => (listeners[event] ??= []).push(listener),
      off(event, listener) {
        listeners[event] = (listeners[event] ?? []).filter((other) => other !== listener);
      },
    };
  }

  function mountAll() {
    for (const el of document.querySelectorAll(".convbook-widget")) {
      const model = modelOf(JSON.parse(el.dataset.state));
      el.textContent = "";
      modules[el.dataset.widget].render({ model, el });
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mountAll);
  else mountAll();
})();
