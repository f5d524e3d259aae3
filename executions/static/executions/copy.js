/* A button beside each value that is to be copied. Without this script, or where the browser has no clipboard for the
   page, a click on a value selects the whole of it. */
"use strict";

(() => {
    if (!navigator.clipboard) return;
    for (const list of document.querySelectorAll("[data-copy]")) {
        for (const value of list.querySelectorAll(".sluice-copy")) {
            const button = document.createElement("button");
            button.type = "button";
            button.className = "button sluice-copier";
            button.textContent = list.dataset.copy;
            button.setAttribute("aria-label", `${list.dataset.copy}: ${value.closest("dd").previousElementSibling.textContent}`);
            button.addEventListener("click", async () => {
                await navigator.clipboard.writeText(value.textContent);
                button.textContent = list.dataset.copied;
                setTimeout(() => { button.textContent = list.dataset.copy; }, 2000);
            });
            value.after(" ", button);
        }
    }
})();
