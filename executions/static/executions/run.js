/* The page of a run in the browser: what was unfolded stays so when a part of the page is renewed, and a page that
   nobody sees asks nothing. Without this script the page is read and used all the same. */
"use strict";

(() => {
    const unfolded = new Map();

    document.addEventListener("htmx:beforeRequest", (event) => {
        if (event.target.id === "run-look" && document.hidden) event.preventDefault();
    });
    document.addEventListener("htmx:oobBeforeSwap", (event) => {
        for (const details of event.detail.target.querySelectorAll("details[id]")) unfolded.set(details.id, details.open);
        const typed = event.detail.target.querySelector("details.sluice-ask[open]");
        // Who is about to say why is not disturbed.
        if (typed) event.detail.shouldSwap = false;
    });
    document.addEventListener("htmx:oobAfterSwap", () => {
        for (const [id, open] of unfolded) {
            const details = document.getElementById(id);
            if (details && details.open !== open) details.open = open;
        }
        unfolded.clear();
    });
})();
