"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const RANK = { deny: 0, warn: 1, known: 2, suppressed: 3 };

  const element = (name, text, ...classes) => {
    const made = document.createElement(name);
    if (text !== undefined && text !== null) made.textContent = text;
    made.classList.add(...classes);
    return made;
  };
  const add = (to, ...children) => { to.append(...children); return to; };

  // --- a table that is sorted by its heads ---

  // Rows that are drawn at a time; more follow when the end comes into view.
  const CHUNK = 200;
  const compare = new Intl.Collator("en").compare;

  function sortable(table, rows, first) {
    const body = table.tBodies[0];
    const end = element("div");
    table.after(end);
    let [key, down] = first;
    let waiting = [];
    // The place of each value among those of its column, asked once: texts are dear to compare.
    const ranks = new Map();
    const rank = (key) => {
      if (!ranks.has(key)) {
        const values = [...new Set(rows.map((row) => row.sort[key]))];
        values.sort(typeof values[0] === "number" ? (a, b) => a - b : compare);
        ranks.set(key, new Map(values.map((value, place) => [value, place])));
      }
      return ranks.get(key);
    };
    const sorted = () => {
      const of = rank(key);
      const shown = rows.filter((row) => !row.hidden);
      for (const row of shown) row.order = down ? -of.get(row.sort[key]) : of.get(row.sort[key]);
      return shown.sort((a, b) => a.order - b.order || a.place - b.place);
    };
    const more = (count) => {
      const all = document.createDocumentFragment();
      for (const row of waiting.splice(0, count)) {
        row.line ??= row.draw();
        all.append(row.line);
        if (row.detail) all.append(row.detail);
      }
      body.append(all);
    };
    const draw = () => {
      for (const head of table.tHead.rows[0].cells) {
        if (head.dataset.key === key) head.setAttribute("aria-sort", down ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      }
      waiting = sorted();
      body.replaceChildren();
      more(CHUNK);
    };
    new IntersectionObserver((seen) => {
      if (seen.some((it) => it.isIntersecting) && waiting.length) more(CHUNK);
    }, { rootMargin: "800px" }).observe(end);
    for (const head of table.tHead.rows[0].cells) {
      head.querySelector("button").addEventListener("click", () => {
        const number = head.classList.contains("number");
        down = key === head.dataset.key ? !down : number;
        key = head.dataset.key;
        draw();
      });
    }
    draw();
    // Draws until a row is there.
    const reach = (row) => {
      while (waiting.includes(row)) more(CHUNK);
    };
    return { draw, reach };
  }

  // --- the picture: who points where ---

  const SVG = "http://www.w3.org/2000/svg";
  const shape = (name, attributes, text) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const clip = (text, most = 30) => text.length > most ? text.slice(0, most - 1) + "\u2026" : text;

  function memory(it, name) {
    if (!it) return null;
    const size = it.size === undefined ? "" : it.size + " bytes";
    const life = it.live === undefined ? "" : it.live ? ", live" : ", freed";
    return { side: it.kind === "foreign" ? "c" : "rust", head: name, lines: [it.address || "", size + life] };
  }

  function holder(place) {
    if (!place) return null;
    const word = "word at byte " + place.offset;
    if (place.kind === "c_heap") return { side: "c", head: "a block of C's heap", lines: [place.size + " bytes", word] };
    if (place.kind === "rust_block") return { side: "rust", head: "another Rust block", lines: [place.size + " bytes", word] };
    const module = (place.module || "").split("/").pop();
    return { side: "c", head: place.symbol || "a variable of C", lines: [module, word] };
  }

  function boxes(it) {
    const crossed = memory(it.block, "Rust memory");
    const kept = holder(it.place);
    if (kept) return [crossed || { side: "rust", head: "Rust memory", lines: ["", ""] }, kept, "kept", true];
    const target = memory(it.finding && it.finding.target, "where it leads");
    if (target) return [crossed || { side: "rust", head: "what was lent", lines: ["", ""] }, target, "points to", false];
    if (it.rule === "buffer_overflow" && crossed) {
      const { side, offset, length } = it.finding;
      const where = side === "before" ? "before its start" : "past its end";
      // Found by the fault at level 3, only the one place is known.
      const wrote = length === undefined ? ["at the very access", ""]
        : [length + (length === 1 ? " byte " : " bytes ") + where, offset ? offset + " away from it" : ""];
      return [crossed, { side: "c", head: it.function || "not known what", lines: wrote }, "wrote", true];
    }
    if (!it.function) return crossed ? [crossed, null, "", false] : null;
    const callee = { side: "c", head: it.function, lines: [it.parameter ? "as `" + it.parameter + "`" : "", it.crate || ""] };
    return crossed ? [crossed, callee, "lent", false] : null;
  }

  function picture(it) {
    const found = boxes(it);
    if (!found) return null;
    const [left, right, verb, back] = found;
    const words = left.head + (right ? (back ? " \u2190 " : " \u2192 ") + verb + ": " + right.head : "");
    const svg = shape("svg", { viewBox: "0 0 660 104", role: "img", "aria-label": words });
    const box = (x, it) => {
      svg.append(shape("rect", { x, y: 8, width: 260, height: 88, rx: 6, class: it.side }));
      svg.append(shape("text", { x: x + 14, y: 32, class: "head " + it.side }, clip(it.head)));
      it.lines.forEach((line, at) => svg.append(shape("text", { x: x + 14, y: 56 + at * 22 }, clip(line))));
    };
    box(4, left);
    if (right) {
      box(396, right);
      svg.append(shape("path", { d: "M272 52 H388", class: "arrow" }));
      svg.append(shape("path", { d: back ? "M266 52 l12 -6 v12 z" : "M394 52 l-12 -6 v12 z", class: "tip" }));
      svg.append(shape("text", { x: 330, y: 42, class: "verb" }, verb));
    }
    return svg;
  }

  // --- one finding ---

  function frames(list, head, list_of) {
    if (!list_of || !list_of.length) return;
    list.append(element("dt", head), add(element("dd", null, "frames"), ...list_of.slice(0, 8).map((line) => element("div", line))));
  }

  // A line of texts, then a line for each finding, in the same order: read when one is opened.
  let details = null;
  let texts = null;
  const whole = (place) => {
    details ??= document.getElementById("details").textContent.trim().split("\n");
    texts ??= JSON.parse(details[0]);
    const it = JSON.parse(details[place + 1]);
    const lines = (list) => list && list.map((at) => texts[at]);
    const block = it.block && { ...it.block, allocated: lines(it.block.allocated), freed: lines(it.block.freed) };
    const text = it.text && lines(it.text).join("\n");
    return { ...it, block, text, about: texts[it.about], page: texts[it.page], help: lines(it.help), notes: lines(it.notes) };
  };

  function detail(row) {
    const it = { ...row.it, ...whole(row.place) };
    const all = element("div");
    all.append(element("p", it.message, "sentence"), element("div", it.about + ".", "soft"));
    const drawn = picture(it);
    if (drawn) all.append(drawn);
    const facts = element("dl");
    const fact = (head, text) => text && facts.append(element("dt", head), element("dd", text));
    fact("called at", it.sites.join(", "));
    fact("by", it.caller);
    fact("declared at", it.declared);
    fact("parameter", it.parameter && it.parameter + (it.type ? ": " + it.type : ""));
    if (it.block) frames(facts, "allocated", it.block.allocated);
    if (it.block) frames(facts, "freed", it.block.freed);
    fact("suppressed", it.reason);
    all.append(facts);
    const list = (head, texts) => {
      if (!texts.length) return;
      all.append(element("h3", head), add(element("ul"), ...texts.map((text) => element("li", text))));
    };
    list("What to do", it.help);
    list("Notes", it.notes);
    const page = element("a", it.page);
    page.href = it.page;
    all.append(add(element("p", "The rule: "), page));
    if (it.text) all.append(element("h3", "The report"), element("pre", it.text));
    return all;
  }

  const rows = data.findings.map((it, place) => {
    const site = it.sites[0] || "-";
    const row = {
      it, place, line: null, detail: null, hidden: false,
      draw: () => {
        const line = element("tr", null, "finding");
        line.id = it.id;
        const link = element("a", it.rule);
        link.href = "#" + it.id;
        line.append(
          element("td", it.standing, it.standing), add(element("td"), link), element("td", it.function || "-"),
          element("td", it.parameter || "-", "wide"), element("td", it.count, "number"), element("td", site, "wide"));
        line.addEventListener("click", (event) => {
          event.preventDefault();
          toggle(row, row.detail === null);
        });
        return line;
      },
      sort: {
        rank: RANK[it.standing], rule: it.rule, function: it.function || "", parameter: it.parameter || "",
        count: it.count, site,
      },
      get text() {
        const words = [it.standing, it.rule, it.function, it.crate, it.parameter, it.caller, it.message, ...it.sites];
        return this.words ??= words.join(" ").toLowerCase();
      },
    };
    return row;
  });

  function toggle(row, open) {
    if (open === (row.detail !== null)) return;
    row.line.classList.toggle("open", open);
    if (open) {
      const cell = element("td", null, "detail");
      cell.colSpan = [...row.line.cells].filter((it) => it.offsetParent !== null).length;
      row.detail = add(element("tr"), add(cell, detail(row)));
      row.line.after(row.detail);
      history.replaceState(null, "", "#" + row.it.id);
    } else {
      row.detail.remove();
      row.detail = null;
    }
  }

  const findings = sortable(document.getElementById("findings"), rows, ["rank", false]);
  document.getElementById("summary").textContent = data.summary;
  document.getElementById("none").hidden = rows.length > 0;
  const shown = document.getElementById("shown");
  const filter = document.getElementById("filter");
  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      row.hidden = !words.every((word) => row.text.includes(word));
      count += !row.hidden;
    }
    findings.draw();
    shown.textContent = words.length ? count + " of " + rows.length : "";
  };
  filter.addEventListener("input", apply);
  const follow = () => {
    const row = rows.find((row) => "#" + row.it.id === location.hash);
    if (!row) return;
    findings.reach(row);
    toggle(row, true);
    row.line.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  follow();

  // --- the crossings ---

  const time = (ns) => ns < 1e4 ? ns + " ns" : ns < 1e7 ? (ns / 1e3).toFixed(1) + " \u00b5s" : ns < 1e10 ? (ns / 1e6).toFixed(1) + " ms" : (ns / 1e9).toFixed(2) + " s";
  const bytes = (n) => n < 1e4 ? n + " B" : n < 1e7 ? (n / 1024).toFixed(1) + " KiB" : (n / 1048576).toFixed(1) + " MiB";
  if (data.crossings.length) {
    document.getElementById("crossings-section").hidden = false;
    const lines = data.crossings.map((it, place) => ({
      place, sort: it, detail: null, hidden: false,
      line: add(element("tr"), element("td", it.name + (it.callback ? " (called by C)" : "")),
        element("td", it.calls.toLocaleString("en"), "number"), element("td", time(it.callee_ns), "number"),
        element("td", time(it.checks_ns), "number"), element("td", bytes(it.lent_bytes), "number", "wide")),
    }));
    sortable(document.getElementById("crossings"), lines, ["callee_ns", true]);
  }
})();
