// The topology beyond plain HTML: what lies open and where one stands survives a refresh, an instance is dragged
// onto a host or sent there by a menu, a host of the map opens beside it, moves are lines. Each is a comfort.
(() => {
  const byId = (id) => (id ? document.getElementById(id) : null);
  const picture = () => byId("picture");

  // ---- a refresh changes nothing that the reader has set: folds, focus, the place on the page
  let before = null;
  const firstSeen = () => {
    for (const host of document.querySelectorAll("#picture [data-host]")) {
      const box = host.getBoundingClientRect();
      if (box.bottom > 80 && box.height) return { id: host.id, top: box.top };
    }
    return null;
  };
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== picture() || !event.detail.shouldSwap) return;
    const active = document.activeElement;
    const isInside = picture().contains(active);
    const card = isInside ? active.closest("[data-host]") : null;
    before = {
      open: [...picture().querySelectorAll("details[id]")].map((one) => [one.id, one.open]),
      focus: isInside ? active.id : "",
      fallback: card ? (card.matches("a") ? "" : card.querySelector("h3 a").id) : "",
      seen: window.scrollY > 0 ? firstSeen() : null,
    };
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "picture" && event.detail.elt.id !== "picture") return;
    if (before) {
      for (const [id, open] of before.open) {
        const one = byId(id);
        if (one && one.open !== open) one.open = open;
      }
      const wanted = byId(before.focus) || byId(before.fallback);
      if (before.focus && wanted && document.activeElement !== wanted) wanted.focus({ preventScroll: true });
      const seen = before.seen && byId(before.seen.id);
      if (seen) window.scrollBy({ top: seen.getBoundingClientRect().top - before.seen.top, behavior: "instant" });
    }
    before = null;
    rove();
    draw();
  });

  // ---- while something is dragged, or text is being selected, the picture stays as it is
  let dragged = null, selectedAt = 0;
  document.addEventListener("selectionchange", () => (selectedAt = Date.now()));
  const isSelecting = () => {
    const selection = document.getSelection();
    const isIn = selection && !selection.isCollapsed && picture() && picture().contains(selection.anchorNode);
    return isIn && Date.now() - selectedAt < 30000;
  };
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.hasAttribute("data-poll") && (dragged || isSelecting())) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (dragged && event.detail.requestConfig.elt.hasAttribute("data-poll")) event.detail.shouldSwap = false;
  });

  // ---- the map: one stop of the Tab key for each zone, and the arrows go from cell to cell
  const cells = (map) => [...map.querySelectorAll("a.cell")];
  const rove = () => {
    for (const map of document.querySelectorAll("ul.map")) {
      const all = cells(map);
      const stop = all.find((one) => one === document.activeElement) || all.find((one) => one.tabIndex === 0) || all[0];
      for (const one of all) one.tabIndex = one === stop ? 0 : -1;
    }
  };
  const setUp = () => {
    for (const map of document.querySelectorAll("ul.map")) for (const [n, one] of cells(map).entries()) one.tabIndex = n ? -1 : 0;
    draw();
  };
  document.addEventListener("focusin", (event) => {
    if (event.target.matches("a.cell") && event.target.tabIndex !== 0) {
      for (const one of cells(event.target.closest("ul.map"))) one.tabIndex = one === event.target ? 0 : -1;
    }
  });
  const neighbour = (from, all, key) => {
    const at = all.indexOf(from);
    if (key === "ArrowRight") return all[at + 1];
    if (key === "ArrowLeft") return all[at - 1];
    if (key === "Home") return all[0];
    if (key === "End") return all[all.length - 1];
    const rows = key === "ArrowDown" ? all.slice(at + 1) : all.slice(0, at).reverse();
    const box = from.getBoundingClientRect();
    return rows.find((one) => {
      const other = one.getBoundingClientRect();
      return Math.abs(other.left - box.left) < box.width / 2 && Math.abs(other.top - box.top) > 2;
    });
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && byId("panel") && !event.target.closest("dialog, .find")) closePanel();
    if (!event.target.matches("a.cell") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!/^(Arrow(Left|Right|Up|Down)|Home|End)$/.test(event.key)) return;
    const all = cells(event.target.closest("ul.map"));
    const next = neighbour(event.target, all, event.key);
    event.preventDefault();
    if (next) next.focus();
  });

  // ---- a host of the map opens beside it
  const closePanel = () => {
    const cell = byId(byId("panel").dataset.of);
    const wasInside = byId("panel").contains(document.activeElement);
    byId("opened").replaceChildren();
    if (cell && wasInside) cell.focus();
  };
  const openPanel = async (cell) => {
    await window.htmx.ajax("GET", `${cell.pathname}panel/`, { target: "#opened", swap: "innerHTML" });
    if (byId("panel")) byId("panel").focus({ preventScroll: true });
  };

  // ---- moving an instance: a menu of destinations, or dragging it onto one; both lead to the plan of the move
  const mover = () => byId("mover");
  const instanceUrl = (uuid) => mover().dataset.url.replace("UUID", uuid);
  const planUrl = (uuid) => `${instanceUrl(uuid)}migrate/`;
  let opener = "";
  const openMover = async (link) => {
    opener = link.id;
    await window.htmx.ajax("GET", `${instanceUrl(link.dataset.uuid)}move-menu/`, { target: "#mover", swap: "innerHTML" });
    if (!byId("mover-find")) return location.assign(link.href);
    if (!mover().open) mover().showModal();
    byId("mover-find").focus();
  };
  document.addEventListener("close", (event) => {
    if (event.target === mover() && byId(opener)) byId(opener).focus();
  }, true);
  document.addEventListener("click", (event) => {
    if (!window.htmx || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const cell = event.target.closest("a.cell"), to = event.target.closest("a.to");
    if (cell || (to && mover())) event.preventDefault();
    if (cell) openPanel(cell);
    else if (to && mover()) openMover(to);
    if (event.target.closest("[data-close-panel]")) closePanel();
    if (event.target === mover()) mover().close(); // its backdrop
  });

  const chipOf = (target) => {
    const chip = target instanceof Element ? target.closest("a.chip") : null;
    const to = chip && chip.parentElement.querySelector("a.to");
    return to && mover() ? { chip, uuid: to.dataset.uuid } : null;
  };
  const hostOf = (event) => {
    const host = event.target instanceof Element ? event.target.closest("[data-host]") : null;
    return host && dragged && host.dataset.host !== dragged.host ? host : null;
  };
  const light = (host) => {
    for (const one of document.querySelectorAll(".over")) if (one !== host) one.classList.remove("over");
    if (host) host.classList.add("over");
  };
  document.addEventListener("dragstart", (event) => {
    const found = chipOf(event.target);
    if (!found) return;
    const panel = byId("panel");
    const from = found.chip.closest("[data-host]") || (panel && panel.contains(found.chip) && byId(panel.dataset.of));
    dragged = { ...found, host: from ? from.dataset.host : "" };
    event.dataTransfer.effectAllowed = "copyLink";
    document.body.classList.add("dragging");
    for (const one of document.querySelectorAll("[data-host]")) one.classList.toggle("cannot", one.dataset.host === dragged.host);
    judge(dragged);
  });
  // Its own host, and those that can take it in no way, stand back while it is dragged, and say why when it is held over them.
  const why = document.createElement("p");
  why.className = "drag-why";
  const judge = async (mine) => {
    try {
      const answer = await fetch(`${instanceUrl(mine.uuid)}no-landing/`);
      const found = answer.ok ? await answer.json() : {};
      if (dragged !== mine) return;
      mine.cannot = found;
      for (const one of document.querySelectorAll("[data-host]")) one.classList.toggle("cannot", one.dataset.host in found || one.dataset.host === mine.host);
    } catch { /* the plan says it after the drop */ }
  };
  const tell = (host) => {
    const text = host && dragged.cannot && dragged.cannot[host.dataset.host];
    if (!text) return why.remove();
    if (why.textContent !== text) why.textContent = text;
    if (!why.isConnected) document.body.append(why);
  };
  let unfold = 0, over = null;
  document.addEventListener("dragover", (event) => {
    if (!dragged) return;
    const host = hostOf(event);
    light(host);
    tell(host);
    if (host) {
      event.preventDefault();
      event.dataTransfer.dropEffect = "link";
    }
    // Held over a folded zone, it opens.
    const zone = event.target instanceof Element ? event.target.closest("details.zone:not([open])") : null;
    if (zone !== over) {
      clearTimeout(unfold);
      over = zone;
      if (zone) unfold = setTimeout(() => (zone.open = true), 600);
    }
  });
  document.addEventListener("drop", (event) => {
    const host = hostOf(event);
    if (!host) return;
    event.preventDefault();
    location.assign(`${planUrl(dragged.uuid)}?host=${encodeURIComponent(host.dataset.host)}`);
  });
  document.addEventListener("dragend", () => {
    dragged = null;
    clearTimeout(unfold);
    light(null);
    why.remove();
    for (const one of document.querySelectorAll(".cannot")) one.classList.remove("cannot");
    document.body.classList.remove("dragging");
  });

  // ---- moves in flight as lines from host to host: decoration, since the list above says the same
  const svg = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const layer = () => {
    const found = byId("lines");
    if (found) return found;
    const made = svg("svg", { id: "lines", "aria-hidden": "true", focusable: "false" });
    byId("scene").append(made);
    return made;
  };
  // From the side of one box to that of the other that lies nearest. The head begins where the line ends, and its tip
  // stops short of the box: by a hair at a cell, so that it lies in the narrow gap; before the ring of a card.
  const HEAD = 6;
  const path = (from, to, origin) => {
    const a = from.getBoundingClientRect(), b = to.getBoundingClientRect();
    const short = HEAD + (to.matches("a.cell") ? 1 : 4);
    const dx = b.left + b.width / 2 - (a.left + a.width / 2), dy = b.top + b.height / 2 - (a.top + a.height / 2);
    const gapX = Math.max(b.left - a.right, a.left - b.right), gapY = Math.max(b.top - a.bottom, a.top - b.bottom);
    const flat = gapX >= gapY;
    const sign = Math.sign(flat ? dx : dy) || 1;
    const aside = 8 * sign; // the way back runs beside the way there
    const side = (box, sign) =>
      flat ? [sign > 0 ? box.right : box.left, box.top + Math.min(box.height / 2, 30) + aside] : [box.left + box.width / 2 + aside, sign > 0 ? box.bottom : box.top];
    const [x1, y1] = side(a, sign), [xEdge, yEdge] = side(b, -sign);
    const [x2, y2] = flat ? [xEdge - short * sign, yEdge] : [xEdge, yEdge - short * sign];
    const bend = Math.max(Math.min(Math.hypot(x2 - x1, y2 - y1) / 3, 80), 4) * sign;
    const [bx, by] = flat ? [bend, 0] : [0, bend];
    const r = (n, from) => Math.round(n - from);
    const at = (x, y) => `${r(x, origin.left)} ${r(y, origin.top)}`;
    return `M${at(x1, y1)}C${at(x1 + bx, y1 + by)} ${at(x2 - bx, y2 - by)} ${at(x2, y2)}`;
  };
  const draw = () => {
    const moves = document.querySelectorAll("#picture .moves [data-from]");
    if (!byId("scene") || (!moves.length && !byId("lines"))) return;
    const hosts = new Map();
    if (moves.length) for (const one of document.querySelectorAll("#picture [data-host]")) if (!hosts.has(one.dataset.host)) hosts.set(one.dataset.host, one);
    const lines = layer(), origin = byId("scene").getBoundingClientRect();
    // One line for all moves of one way: it goes if one of them does.
    const ways = new Map();
    for (const move of moves) {
      const [a, b] = [hosts.get(move.dataset.from), hosts.get(move.dataset.to)];
      if (!a?.offsetHeight || !b?.offsetHeight || a === b) continue;
      const line = path(a, b, origin);
      ways.set(line, ways.get(line) || move.hasAttribute("data-going"));
    }
    const drawn = [...ways].map(([line, isGoing]) => `${isGoing ? "flight going" : "flight"}|${line}`);
    if (lines.dataset.drawn === drawn.join()) return;
    lines.dataset.drawn = drawn.join();
    const arrow = svg("marker", { id: "arrow", markerUnits: "userSpaceOnUse", refY: 4, markerWidth: HEAD, markerHeight: 8, orient: "auto" });
    arrow.append(svg("path", { d: `M0 0 ${HEAD} 4 0 8z`, class: "head-of-line" }));
    const all = drawn.map((one) => svg("path", { class: one.split("|")[0], d: one.split("|")[1], "marker-end": "url(#arrow)" }));
    lines.replaceChildren(arrow, ...all);
  };
  let soon = 0;
  const drawSoon = () => {
    cancelAnimationFrame(soon);
    soon = requestAnimationFrame(draw);
  };
  document.addEventListener("toggle", (event) => {
    if (event.target.closest("#picture")) drawSoon();
  }, true);
  document.addEventListener("htmx:afterSettle", drawSoon);
  document.addEventListener("DOMContentLoaded", () => {
    setUp();
    new ResizeObserver(drawSoon).observe(byId("scene"));
  });
})();
