/* Forms of configurations: a chosen collection shows its fields at once, and "{{" offers the variables in scope, which
   the page's own table of variables tells. */
"use strict";

(() => {
    document.documentElement.classList.add("sluice-scripted");

    /* Buttons that change the form: whoever pressed one is back where they were when the answer comes */

    let back = null;

    document.addEventListener("change", (event) => {
        if (event.target.matches?.("select[data-refresh]")) {
            back = {name: event.target.name};
            event.target.parentElement.querySelector(".sluice-refresh").click();
        }
    });
    document.addEventListener("click", (event) => {
        const button = event.target.closest?.("button[name=_do]");
        if (!button || button.classList.contains("sluice-refresh")) return;
        const [verb, at] = button.value.split(/:(.*)/);
        const list = verb === "remove" || verb === "up" ? at.replace(/\.\d+$/, "") : at;
        back = {verb, list, top: document.getElementById("sluice-drawer")?.scrollTop ?? 0};
    }, true);
    // At once, and not when htmx has settled: whoever types by then keeps the focus.
    document.addEventListener("htmx:afterSwap", (event) => {
        if (!back || event.detail.target.id !== "sluice-drawer-body") return;
        const {name, verb, list, top} = back;
        back = null;
        if (top) document.getElementById("sluice-drawer").scrollTop = top;
        const named = (start) => [...document.querySelectorAll(".sluice-config :is(input, select, textarea):not([type=hidden])")]
            .filter((each) => each.name === start || each.name.startsWith(`${start}.`));
        const inside = named(name ?? list).filter((each) => !each.name.endsWith("$join"));
        const fresh = inside.filter((each) => !each.name.endsWith(".$new"));
        const found = verb === "add" ? lastRow(fresh, list) : inside[0];
        (found ?? document.querySelector(`button[name=_do][value="on:${CSS.escape(list ?? "")}"]`))?.focus();
    });

    /* The first control of the row that was added. */
    function lastRow(controls, list) {
        const rowOf = (each) => each.name.slice(list.length + 1).split(".")[0];
        const last = controls.at(-1);
        return last && controls.find((each) => rowOf(each) === rowOf(last));
    }

    /* Variables */

    const offer = document.createElement("ul");
    offer.id = "sluice-offer";
    offer.className = "sluice-offer";
    offer.setAttribute("role", "listbox");
    offer.hidden = true;
    let field = null;
    let chosen = 0;

    function known() {
        return [...document.querySelectorAll(".sluice-variables tbody tr")].map((row) => ({
            template: row.querySelector(".sluice-copy").textContent,
            kind: row.cells[1].textContent,
            title: row.cells[2].textContent,
            group: row.closest("details").querySelector("summary").textContent,
        }));
    }

    /* What is being typed between "{{" and the cursor, or null. */
    function begun(target) {
        const before = target.value.slice(0, target.selectionStart);
        const open = before.lastIndexOf("{{");
        if (open < 0 || before.indexOf("}}", open) >= 0) return null;
        const text = before.slice(open + 2);
        return /[\n{}]/.test(text) ? null : {open, text: text.trim().toLowerCase()};
    }

    function close() {
        offer.hidden = true;
        if (field) {
            field.removeAttribute("aria-activedescendant");
            field.removeAttribute("aria-controls");
        }
        field = null;
    }

    function mark(index) {
        const items = [...offer.children];
        chosen = (index + items.length) % items.length;
        items.forEach((item, at) => item.setAttribute("aria-selected", String(at === chosen)));
        items[chosen].scrollIntoView({block: "nearest"});
        field.setAttribute("aria-activedescendant", items[chosen].id);
    }

    function show(target) {
        const typed = begun(target);
        if (!typed) return close();
        const words = typed.text.split(/\s+/).filter(Boolean);
        const fits = known().filter((each) => {
            const text = `${each.template} ${each.title} ${each.group}`.toLowerCase();
            return words.every((word) => text.includes(word));
        }).slice(0, 60);
        if (!fits.length) return close();
        field = target;
        offer.setAttribute("aria-label", document.getElementById("variables-title").textContent);
        offer.replaceChildren(...fits.map((each, index) => {
            const item = document.createElement("li");
            const code = document.createElement("code");
            const note = document.createElement("small");
            item.id = `sluice-offer-${index}`;
            item.setAttribute("role", "option");
            item.dataset.template = each.template;
            code.textContent = each.template;
            note.textContent = [each.title, each.kind, each.group].filter(Boolean).join(" · ");
            item.append(code, note);
            return item;
        }));
        (target.closest("dialog") ?? document.body).append(offer);
        offer.hidden = false;
        const box = target.getBoundingClientRect();
        const room = innerHeight - box.bottom > offer.offsetHeight || box.top < offer.offsetHeight;
        offer.style.left = `${Math.max(4, Math.min(box.left, innerWidth - offer.offsetWidth - 4))}px`;
        offer.style.top = `${room ? box.bottom + 2 : box.top - offer.offsetHeight - 2}px`;
        target.setAttribute("aria-controls", offer.id);
        mark(0);
    }

    function take(template) {
        const target = field;
        const typed = begun(target);
        const end = target.selectionStart;
        const closed = /^\s*\}\}/.exec(target.value.slice(end));
        target.setRangeText(template, typed.open, end + (closed ? closed[0].length : 0), "end");
        close();
        target.focus();
    }

    document.addEventListener("input", (event) => {
        if (event.target.matches?.(".sluice-templated")) show(event.target);
    });
    document.addEventListener("keydown", (event) => {
        if (offer.hidden || event.target !== field) return;
        const move = {ArrowDown: 1, ArrowUp: -1}[event.key];
        if (move) mark(chosen + move);
        else if (event.key === "Enter" || event.key === "Tab") take(offer.children[chosen].dataset.template);
        else if (event.key === "Escape") close();
        else return;
        event.preventDefault();
        event.stopPropagation();
    }, true);
    // The field keeps the focus while the list is clicked.
    offer.addEventListener("mousedown", (event) => event.preventDefault());
    offer.addEventListener("click", (event) => {
        const item = event.target.closest("li");
        if (item) take(item.dataset.template);
    });
    document.addEventListener("focusout", (event) => {
        if (event.target === field) close();
    });

    /* A click on a variable of the table puts it where the cursor last was. */

    let last = null;
    document.addEventListener("focusin", (event) => {
        if (event.target.matches?.(".sluice-templated")) last = event.target;
    });
    document.addEventListener("click", (event) => {
        const button = event.target.closest?.("[data-act=insert]");
        if (!button || !last?.isConnected) return;
        last.setRangeText(button.value, last.selectionStart, last.selectionEnd, "end");
        last.focus();
    });
})();
