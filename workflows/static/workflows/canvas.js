/* The canvas in the browser: opens the drawer, moves nodes by dragging, goes from node to node by keys. What may be
   done is the server's to say; without this script every link leads to a page that does the same. */
"use strict";

(() => {
    const panel = () => document.getElementById("sluice-panel");
    const drawer = document.getElementById("sluice-drawer");
    const body = document.getElementById("sluice-drawer-body");
    const said = document.getElementById("sluice-said");
    if (!drawer || !panel()) return;
    let opener = null;
    let typed = false;

    function say(text) {
        said.textContent = text;
        said.classList.toggle("sluice-shown", Boolean(text));
        if (text) setTimeout(() => said.textContent === text && said.classList.remove("sluice-shown"), 6000);
    }

    function card(id) {
        return document.querySelector(`[data-card="${id}"]`);
    }

    /* The drawer */

    document.addEventListener("htmx:configRequest", (event) => {
        event.detail.headers["Sluice-Seen"] = panel().dataset.seen;
    });
    document.addEventListener("htmx:beforeSwap", (event) => {
        // A page instead of a part is the sign-in page: whoever was signed out is sent there.
        if (/^\s*<!doctype/i.test(event.detail.xhr.responseText)) {
            event.detail.shouldSwap = false;
            location.reload();
        }
    });
    document.addEventListener("htmx:afterSwap", (event) => {
        if (event.detail.target !== body) return;
        // What the server sent back with errors is still what was typed.
        if (event.detail.requestConfig?.verb !== "post") typed = false;
        if (!drawer.open) {
            opener = document.activeElement;
            drawer.showModal();
        }
        const first = body.querySelector("[autofocus], .errors input, .errors textarea, .errors select")
            || body.querySelector("form input:not([type=hidden]):not([type=submit]), form textarea, form select");
        (first || body.querySelector("button")).focus();
        drawer.scrollTop = 0;
    });
    for (const name of ["htmx:responseError", "htmx:sendError"]) {
        document.addEventListener(name, () => say(said.dataset.gone));
    }
    document.addEventListener("sluice:edited", (event) => {
        opener = null;
        if (drawer.open) drawer.close();
        say(event.detail.said);
        const found = event.detail.focus && card(event.detail.focus);
        if (found) {
            found.classList.add("sluice-chosen");
            found.querySelector("a").focus();
            found.scrollIntoView({block: "nearest", inline: "nearest"});
        } else {
            const main = document.querySelector(".sluice-canvas");
            if (main) main.focus();
        }
    });
    document.addEventListener("sluice:moved", () => {
        htmx.ajax("GET", panel().dataset.canvas, {source: panel(), target: panel(), swap: "outerHTML"});
    });
    body.addEventListener("input", (event) => {
        if (event.target.form?.method === "post") typed = true;
    });
    // By Escape and by a click beside it one may leave without meaning to.
    const leaves = () => !typed || confirm(said.dataset.leave);
    drawer.addEventListener("cancel", (event) => {
        if (!leaves()) event.preventDefault();
    });
    drawer.addEventListener("close", () => {
        typed = false;
        body.replaceChildren();
        if (opener && opener.isConnected) opener.focus();
        opener = null;
    });
    drawer.addEventListener("click", (event) => {
        if (event.target === drawer && leaves()) drawer.close();
        if (event.target.closest("[data-act=close]")) {
            event.preventDefault();
            drawer.close();
        }
    });

    /* Menus: one at a time, closed by Escape and by a click elsewhere */

    function closeMenus(but) {
        for (const menu of document.querySelectorAll(".sluice-menu[open]")) if (menu !== but) menu.open = false;
    }
    document.addEventListener("click", (event) => {
        const menu = event.target.closest(".sluice-menu");
        closeMenus(menu && event.target.closest("a") ? null : menu);
    });

    /* Keys: arrows go through cards and places in reading order, Home and End to the ends */

    document.addEventListener("keydown", (event) => {
        const canvas = event.target.closest(".sluice-canvas");
        if (!canvas || event.altKey || event.ctrlKey || event.metaKey) return;
        if (event.key === "Escape") {
            const menu = event.target.closest(".sluice-menu[open]");
            if (menu) menu.querySelector("summary").focus();
            return closeMenus();
        }
        const menu = event.target.closest(".sluice-menu[open]");
        const stops = [...(menu ? menu.querySelectorAll("summary, a") : canvas.querySelectorAll("a.sluice-card-title, a.sluice-add"))];
        const at = stops.indexOf(event.target);
        const step = {ArrowDown: 1, ArrowUp: -1, Home: -stops.length, End: stops.length}[event.key];
        if (!step || (at < 0 && event.target !== canvas)) return;
        event.preventDefault();
        stops[Math.max(0, Math.min(stops.length - 1, at + step))]?.focus();
    });

    /* Dragging a card: the server says which places may take it */

    let dragged = null;

    function stop() {
        dragged = null;
        document.body.classList.remove("sluice-dragging");
        for (const place of document.querySelectorAll(".sluice-place")) place.classList.remove("sluice-may", "sluice-over");
    }
    document.addEventListener("dragstart", async (event) => {
        const found = event.target.closest?.("[data-card][draggable=true]");
        if (!found) return;
        closeMenus();
        dragged = found.dataset.card;
        event.dataTransfer.effectAllowed = "move";
        event.dataTransfer.setData("text/plain", dragged);
        const answer = await fetch(`${panel().dataset.nodes}${dragged}/places/`, {headers: {Accept: "application/json"}});
        if (!answer.ok || dragged !== found.dataset.card) return;
        const places = new Set((await answer.json()).places);
        document.body.classList.add("sluice-dragging");
        for (const place of document.querySelectorAll(".sluice-place")) {
            place.classList.toggle("sluice-may", places.has(place.dataset.place));
        }
    });
    document.addEventListener("dragover", (event) => {
        const place = dragged && event.target.closest?.(".sluice-may");
        for (const other of document.querySelectorAll(".sluice-over")) if (other !== place) other.classList.remove("sluice-over");
        if (!place) return;
        event.preventDefault();
        place.classList.add("sluice-over");
    });
    document.addEventListener("drop", (event) => {
        const place = dragged && event.target.closest?.(".sluice-may");
        if (!place) return;
        event.preventDefault();
        htmx.ajax("POST", `${panel().dataset.nodes}${dragged}/move/`, {
            source: panel(), target: body, values: {place: place.dataset.place},
        });
        stop();
    });
    document.addEventListener("dragend", stop);

    /* The palette: typing narrows it, Enter takes the first, arrows go through it */

    document.addEventListener("input", (event) => {
        if (event.target.id !== "sluice-search") return;
        const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
        for (const group of document.querySelectorAll(".sluice-palette-group")) {
            let any = false;
            for (const item of group.querySelectorAll("li")) {
                const text = item.textContent.toLowerCase();
                item.hidden = !words.every((word) => text.includes(word));
                any = any || !item.hidden;
            }
            group.hidden = !any;
        }
        document.getElementById("sluice-none").hidden = Boolean(document.querySelector(".sluice-palette-group:not([hidden])"));
    });
    document.addEventListener("keydown", (event) => {
        const palette = event.target.closest(".sluice-palette");
        if (!palette) return;
        const links = [...palette.querySelectorAll("li:not([hidden]) > a")];
        if (event.key === "Enter" && event.target.id === "sluice-search") {
            event.preventDefault();
            // Whose name says it, before those whose description does.
            const words = event.target.value.toLowerCase().split(/\s+/);
            const named = links.find((link) => words.every((word) => link.querySelector("strong").textContent.toLowerCase().includes(word)));
            (named ?? links[0])?.click();
        } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
            event.preventDefault();
            const at = links.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1);
            (at < 0 ? palette.querySelector("#sluice-search") : links[Math.min(at, links.length - 1)])?.focus();
        }
    });
})();
