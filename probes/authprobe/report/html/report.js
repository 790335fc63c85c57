"use strict";
// Searches, filters and copies what is on the page; the page is complete without it.
(() => {
  const report = document.querySelector(".ap");
  const list = report.querySelector(".ap-cases");
  const map = report.querySelector(".hm");
  if (!list || !map) return;
  const MAX_OPENED = 100; // matches that are shown without a click
  const cases = [...list.querySelectorAll(".ap-case")];
  const groups = [...list.querySelectorAll(".ap-scenario")];
  const byAnchor = new Map(cases.map((each) => [`#${each.lastElementChild.id}`, each]));
  const texts = new Map(); // text of each case, read at the first search
  const facts = new Map(); // what the heat map states about each case
  for (const kind of map.querySelectorAll("[data-kind]")) {
    for (const link of kind.querySelectorAll("td a")) {
      const marks = link.parentElement.classList;
      facts.set(byAnchor.get(link.hash), {
        cell: link.parentElement, client: kind.dataset.kind, outcome: marks[0],
        changed: ["c", "d", "b"].some((mark) => marks.contains(mark)), findings: marks.contains("n"),
      });
    }
  }

  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // Filters: each has a name in the address, the value that is chosen, and a test of a case.
  const search = make("input", { type: "search", id: "ap-search" });
  const counter = make("output", {});
  const clear = make("button", { type: "button", hidden: true }, "Clear filters");
  const filters = [];
  const counted = (valueOf) => {
    const counts = new Map();
    for (const each of cases) {
      const value = valueOf(each);
      counts.set(value, (counts.get(value) || 0) + 1);
    }
    return counts;
  };
  const addChoice = (name, label, valueOf, words) => {
    const counts = counted(valueOf);
    if (counts.size < 2) return;
    const field = make("select", { id: `ap-${name}` }, make("option", { value: "" }, label));
    const order = words ? [...words.keys()].filter((key) => counts.has(key)) : [...counts.keys()].sort();
    for (const value of order) {
      const text = words ? words.get(value) : value;
      field.append(make("option", { value: text }, `${text} (${counts.get(value)})`));
    }
    field.setAttribute("aria-label", label);
    field.addEventListener("change", () => update());
    filters.push({
      name, field, get: () => field.value, set: (value) => { field.value = value; },
      test: (each) => (words ? words.get(valueOf(each)) : valueOf(each)) === field.value,
    });
  };
  const addToggle = (name) => {
    const count = cases.filter((each) => facts.get(each)[name]).length;
    if (!count) return;
    const field = make("button", { type: "button" }, `${name} (${count})`);
    const set = (value) => field.setAttribute("aria-pressed", String(Boolean(value)));
    const get = () => (field.getAttribute("aria-pressed") === "true" ? "only" : "");
    set("");
    field.addEventListener("click", () => { set(!get()); update(); });
    filters.push({ name, field, get, set, test: (each) => facts.get(each)[name] });
  };
  const outcomes = new Map([...map.querySelectorAll("[data-outcome]")].map(
    (item) => [item.querySelector("b").textContent, item.dataset.outcome]));
  addChoice("status", "every status", (each) => each.dataset.status);
  addChoice("outcome", "every outcome", (each) => facts.get(each).outcome, outcomes);
  addChoice("client", "every client", (each) => facts.get(each).client);
  addToggle("changed");
  addToggle("findings");
  map.before(make(
    "div", { className: "ap-tools", role: "search" },
    make("label", { htmlFor: "ap-search", className: "ap-hidden" }, "Search cases"), search,
    ...filters.map((filter) => filter.field), clear, counter,
  ));
  search.placeholder = "Search cases";
  clear.addEventListener("click", () => { restore(""); update(); search.focus(); });

  const opener = (label, open) => {
    const button = make("button", { type: "button" }, label);
    button.addEventListener("click", () => {
      for (const each of groups) if (!each.hidden) each.open = open;
      for (const each of cases) if (!each.hidden) each.open = open;
    });
    return button;
  };
  list.before(make("div", { className: "ap-copy" },
    opener("Open listed cases", true), opener("Close listed cases", false)));

  const textOf = (each) => {
    if (!texts.has(each)) texts.set(each, each.textContent.toLowerCase());
    return texts.get(each);
  };
  // What a filter opened is closed again when the filter is gone.
  const openFor = (element, isOpen) => {
    if (isOpen && !element.open) {
      element.open = true;
      element.dataset.opened = "";
    } else if (!isOpen && "opened" in element.dataset) {
      element.open = false;
      delete element.dataset.opened;
    }
  };

  function update() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const active = filters.filter((filter) => filter.get());
    const isActive = Boolean(words.length || active.length);
    let count = 0;
    for (const each of cases) {
      const matches = active.every((filter) => filter.test(each))
        && words.every((word) => textOf(each).includes(word));
      each.hidden = !matches;
      facts.get(each).cell.classList.toggle("o", !matches);
      count += matches;
    }
    for (const group of groups) {
      const own = [...group.querySelectorAll(".ap-case")];
      const some = own.some((each) => !each.hidden);
      group.hidden = isActive && !some;
      openFor(group, isActive && some && count <= MAX_OPENED);
    }
    updateMap(isActive);
    clear.hidden = !isActive;
    const noun = cases.length === 1 ? "case" : "cases";
    counter.textContent = isActive ? `${count} of ${cases.length} ${noun}` : `${count} ${noun}`;
  }

  // Hides rows without a match, then the headings that have no row left.
  function updateMap(isActive) {
    for (const kind of map.querySelectorAll("[data-kind]")) {
      let kindHas = false;
      for (const table of kind.querySelectorAll("table")) {
        let head = null, headHas = false, tableHas = false;
        const close = () => { if (head) head.hidden = !headHas; };
        for (const body of table.tBodies) {
          let fold = null, bodyHas = false, all = true;
          for (const row of body.rows) {
            if (row.className === "s") { close(); head = row; headHas = false; continue; }
            if (row.className === "k") { fold = row; continue; }
            const has = [...row.querySelectorAll("a")].some(
              (link) => !link.parentElement.classList.contains("o"));
            row.hidden = !has;
            bodyHas ||= has;
            all &&= has;
          }
          if (fold) {
            fold.hidden = !bodyHas;
            openFor(fold.querySelector("details"), isActive && bodyHas && !all);
          }
          headHas ||= bodyHas;
          tableHas ||= bodyHas;
        }
        close();
        table.hidden = !tableHas;
        kindHas ||= tableHas;
      }
      kind.hidden = !kindHas;
    }
  }

  // The address keeps the filters, so that a link to the page shows the same cases.
  const restore = (text) => {
    const values = new URLSearchParams(text);
    search.value = values.get("text") || "";
    for (const filter of filters) filter.set(values.get(filter.name) || "");
  };
  function remember() {
    const values = new URLSearchParams();
    if (search.value) values.set("text", search.value);
    for (const filter of filters) if (filter.get()) values.set(filter.name, filter.get());
    const hash = values.size ? `#?${values}` : "";
    history.replaceState(null, "", hash || location.pathname + location.search);
  }

  let timer;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => { update(); remember(); }, 80);
  });
  for (const filter of filters) {
    filter.field.addEventListener(filter.field.tagName === "SELECT" ? "change" : "click", remember);
  }
  clear.addEventListener("click", remember);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape" && event.target === search) {
      search.value = "";
      update();
      remember();
    }
  });
  // A link works even if its target is folded, or hidden by a filter.
  const reveal = () => {
    if (location.hash.startsWith("#?")) {
      restore(location.hash.slice(2));
      update();
      return;
    }
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (!target || !report.contains(target)) return;
    for (let each = target; each !== report; each = each.parentElement) {
      each.hidden = false;
      if (each.tagName === "DETAILS") each.open = true;
    }
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  report.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (link && link.hash && link.hash === location.hash) reveal();
  });

  const span = (text) => {
    const line = text.replace(/\s*\n\s*/g, " ").trim();
    if (!line) return "";
    const fence = "`".repeat(1 + Math.max(0, ...(line.match(/`+/g) || []).map((x) => x.length)));
    const pad = line.startsWith("`") || line.endsWith("`") ? " " : "";
    return fence + pad + line + pad + fence;
  };
  const cell = (text) => span(text).replace(/\|/g, "\\|");
  const row = (cells) => `| ${cells.join(" | ")} |`;

  function* sequence(diagram) {
    const names = [...diagram.querySelectorAll(".q-h span")].map((each) => span(each.textContent));
    yield `\nBetween ${names.join(", ")}:\n`;
    for (const step of diagram.querySelectorAll("li")) {
      const [at, sent, arrow, got] = step.children;
      yield got
        ? `1. ${at.textContent} s, ${arrow.ariaLabel}: ${span(sent.textContent)} → ${span(got.textContent)}`
        : `1. ${step.textContent}`;
    }
  }

  function* markdown(node) {
    for (const child of node.children) {
      if (child.matches(".ap-copy")) continue;
      if (child.matches("h3")) yield `\n**${child.textContent}**\n`;
      else if (child.matches("dl")) {
        for (const label of child.querySelectorAll("dt")) {
          yield `- ${label.textContent}: ${span(label.nextElementSibling.textContent)}`;
        }
      } else if (child.matches(".ap-scroll")) {
        const heads = [...child.querySelectorAll("th")].map((head) => head.textContent);
        yield row(heads);
        yield row(heads.map(() => "---"));
        for (const line of child.querySelectorAll("tbody tr")) {
          yield row([...line.cells].map((each) => cell(each.innerText || each.textContent)));
        }
      } else if (child.matches(".q")) yield* sequence(child);
      else if (child.matches(".y")) {
        for (const life of child.querySelectorAll("li:not(.y-key)")) {
          yield `- ${span(life.firstElementChild.textContent)}: ${life.lastElementChild.textContent}`;
        }
      } else if (child.matches("summary")) yield `\n**${child.textContent}**\n`;
      else if (child.matches("p")) {
        if (!child.querySelector("a[href^='#about-']")) yield `\n${span(child.textContent)}\n`;
      } else yield* markdown(child);
    }
  }

  function asMarkdown(each) {
    const [status, id, outcome] = ["strong", "code", "small"].map(
      (name) => each.firstElementChild.querySelector(name).textContent);
    const lines = [`### ${status}: ${span(id)} (${outcome})`, ...markdown(each.lastElementChild)];
    return `${lines.join("\n").replace(/\n{3,}/g, "\n\n")}\n`;
  }

  async function copy(text, button) {
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch { // some browsers deny the clipboard to a page from a file
      const area = make("textarea", { value: text });
      report.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = before; }, 1500);
  }

  // Buttons are added when a case is opened: ten thousand of them would be slow.
  const addButtons = (each) => {
    const content = each.lastElementChild;
    if (!each.open || content.querySelector(".ap-copy")) return;
    const text = make("button", { type: "button" }, "Copy as Markdown");
    text.addEventListener("click", () => copy(asMarkdown(each), text));
    const link = make("button", { type: "button" }, "Copy link");
    link.addEventListener("click", () =>
      copy(`${location.href.split("#")[0]}#${content.id}`, link));
    content.prepend(make("div", { className: "ap-copy" }, text, link));
  };
  list.addEventListener("toggle", (event) => {
    if (event.target.matches(".ap-case")) addButtons(event.target);
  }, true);
  cases.forEach(addButtons);
  update();
  reveal();
})();
