// A page opened from a file may not fetch, and search summaries do.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// The theme gives no name to the arrows that unfold its table of contents.
function nameToggles() {
  for (const summary of document.querySelectorAll(".bd-docs-nav summary")) {
    const chapter = summary.closest("li").querySelector("a").textContent.trim();
    summary.setAttribute("aria-label", `Pages under ${chapter}`);
  }
}

// What scrolls must be reachable with the keyboard. The theme sees to code and tables.
function focusScrollingMaths() {
  for (const maths of document.querySelectorAll('mjx-container[display="true"]')) {
    if (maths.scrollWidth > maths.clientWidth) maths.tabIndex = 0;
    else maths.removeAttribute("tabindex");
  }
}

document.addEventListener("DOMContentLoaded", nameToggles);
addEventListener("load", () => window.MathJax?.startup.promise.then(focusScrollingMaths));
addEventListener("resize", focusScrollingMaths);
