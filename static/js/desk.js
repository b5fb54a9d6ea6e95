// What the pages do beyond plain HTML. Everything here is a comfort: without it every page still works.
(() => {
  const root = document.documentElement;
  const words = JSON.parse((document.getElementById("page-words") || {}).textContent || "{}");
  const fill = (word, values) => (words[word] || word).replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
  const secure = location.protocol === "https:" ? "; Secure" : "";

  // ---- theme: the switch goes round between following the system, light and dark; the server reads the cookie.
  // From the system's own look the first step is to the other one, so that every reader sees that it does something.
  const themes = () => matchMedia("(prefers-color-scheme: dark)").matches ? ["", "light", "dark"] : ["", "dark", "light"];
  const themeWords = { "": "themeSystem", light: "themeLight", dark: "themeDark" };
  const nameTheme = () => {
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      const theme = words[themeWords[root.dataset.theme || ""]];
      button.setAttribute("aria-label", fill("themeChange", { theme }));
      button.title = fill("theme", { theme });
      button.hidden = false;
    }
  };
  const changeTheme = () => {
    const next = themes()[(themes().indexOf(root.dataset.theme || "") + 1) % 3];
    if (next) root.dataset.theme = next;
    else delete root.dataset.theme;
    const age = next ? 31536000 : 0;
    document.cookie = `theme=${next}; Path=/; Max-Age=${age}; SameSite=Lax${secure}`;
    nameTheme();
  };

  // ---- times that grow older while the page is open; the same words as webui/times.py
  const human = (seconds) => {
    const s = Math.max(Math.floor(seconds), 0);
    const minutes = Math.floor(s / 60), hours = Math.floor(s / 3600), days = Math.floor(s / 86400);
    if (s < 60) return fill("seconds", { n: s });
    if (minutes < 10 && s % 60) return fill("minutesSeconds", { n: minutes, m: s % 60 });
    if (hours < 1) return fill("minutes", { n: minutes });
    if (days < 1) return fill(minutes % 60 ? "hoursMinutes" : "hours", { n: hours, m: minutes % 60 });
    if (days < 3 && hours % 24) return fill("daysHours", { n: days, m: hours % 24 });
    return days === 1 ? fill("day", {}) : fill("days", { n: days });
  };
  // The reader's clock may be wrong: what counts is how long ago the server's own clock said so.
  const served = document.querySelector("meta[name=served-at]");
  const drift = served ? Date.now() - Date.parse(served.content) : 0;
  const tick = () => {
    if (document.hidden) return;
    for (const time of document.querySelectorAll("time[data-mode=ago], time[data-mode=since], time[data-mode=left]")) {
      const seconds = (Date.now() - drift - Date.parse(time.dateTime)) / 1000;
      const age = human(Math.abs(seconds));
      const shown = { ago: fill("ago", { age }), since: age, left: fill(seconds < 0 ? "within" : "overdue", { age }) };
      const text = shown[time.dataset.mode];
      if (time.textContent !== text) time.textContent = text;
    }
  };

  // ---- polling: rests in a hidden tab, asks at once when the tab is seen again, says when nobody answers
  const lost = () => document.getElementById("lost");
  const isPoll = (element) => element instanceof Element && element.hasAttribute("data-poll");
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && isPoll(event.detail.elt)) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    tick();
    wake();
  });
  // Which sentence the banner shows: nobody answers, an error, what was shown is gone; "" hides it.
  let trouble = "";
  const say = (what) => {
    const note = lost();
    if (!note || trouble === what) return;
    trouble = what;
    note.hidden = !what;
    for (const line of note.querySelectorAll("[data-lost]")) line.hidden = line.dataset.lost !== what;
    if (what === "away" || what === "broken") setTimeout(probe, 3000);
  };
  const wake = () => {
    if (!window.htmx) return;
    for (const element of document.querySelectorAll("[data-poll]")) window.htmx.trigger(element, "wake");
  };
  // A page without polls recovers too: while nobody answers, the smallest address of the server is asked.
  const isThere = () => fetch("/healthz", { cache: "no-store" }).then((answer) => answer.ok, () => false);
  const probe = async () => {
    if (trouble !== "away" && trouble !== "broken" && trouble !== "unsent") return;
    if (document.hidden || !(await isThere())) {
      setTimeout(probe, 3000);
      return;
    }
    // An error of one page is over when that page's own poll gets an answer.
    if (trouble !== "broken" || !document.querySelector("[data-poll]")) say("");
    wake();
  };
  document.addEventListener("htmx:sendError", () => say("away"));
  document.addEventListener("htmx:timeout", () => say("away"));
  window.addEventListener("offline", () => say("away"));
  window.addEventListener("online", probe);
  document.addEventListener("htmx:afterRequest", (event) => {
    const status = event.detail.xhr ? event.detail.xhr.status : 0;
    if (!status) return;
    if (status >= 500) say("broken");
    else if ([400, 403, 404, 410].includes(status) && isPoll(event.detail.elt)) say("gone");
    else if (isHeldHere(event.detail.xhr)) say("signed-out");
    else if (trouble !== "gone") say("");
  });

  // ---- a session that has ended takes the page to the sign-in, but not from under what somebody has typed: their own
  // button leads there, and the text with it (webui/unsent.py)
  const isHeldHere = (xhr) => {
    const fields = document.querySelectorAll("[name=reason], [name=ticket], [name=comment]");
    return xhr.getResponseHeader("HX-Redirect") && [...fields].some((field) => field.value.trim());
  };
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    if (isHeldHere(event.detail.xhr)) event.preventDefault();
  });

  // ---- while the server thinks about what a person asked for, a line is drawn along the top
  let thinking = 0;
  const think = (change) => (event) => {
    if (isPoll(event.detail.elt)) return;
    thinking = Math.max(thinking + change, 0);
    root.classList.toggle("is-loading", thinking > 0);
  };
  document.addEventListener("htmx:beforeSend", think(1));
  document.addEventListener("htmx:afterRequest", think(-1));

  // ---- toasts: said aloud, gone by themselves, but not under somebody's pointer or keyboard
  const keepToast = (toast) => {
    const close = document.createElement("button");
    close.type = "button";
    close.className = "quiet small-button";
    close.textContent = "✕";
    close.setAttribute("aria-label", words.close);
    close.addEventListener("click", () => toast.remove());
    toast.append(close);
    const goes = () => (toast.matches(":hover, :focus-within") ? setTimeout(goes, 3000) : toast.remove());
    setTimeout(goes, 10000);
  };
  const showToast = (text) => {
    const toast = document.createElement("div");
    toast.className = "toast";
    toast.append(document.createElement("span"));
    toast.firstChild.textContent = text;
    document.getElementById("toasts").append(toast);
    keepToast(toast);
  };
  document.addEventListener("toast", (event) => showToast(event.detail.value));

  // ---- a word that explains itself: also on hover; Escape and a click elsewhere close it, as the browser does
  let hovered = 0;
  const meansOf = (target) => {
    const word = target instanceof Element && target.closest(".term");
    return word ? document.getElementById(word.getAttribute("popovertarget")) : null;
  };
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    clearTimeout(hovered);
    const means = meansOf(event.target);
    const open = document.querySelector(".term-means:popover-open");
    if (means && means !== open) {
      const source = event.target.closest(".term");
      hovered = setTimeout(() => means.isConnected && means.showPopover({ source }), 350);
    } else if (open && !open.contains(event.target) && !means && open.dataset.hovered) {
      hovered = setTimeout(() => open.hidePopover(), 350);
    }
    if (means) means.dataset.hovered = "yes";
  });
  document.addEventListener("click", (event) => {
    const means = meansOf(event.target);
    if (means) delete means.dataset.hovered; // who clicked wants it to stay
  }, true);

  // ---- what has changed is said aloud: a region that stays, since one that is swapped itself is not read
  let said = "";
  document.addEventListener("htmx:afterSwap", () => {
    const news = document.querySelector("[data-announce]");
    const text = news ? news.textContent.replace(/\s+/g, " ").trim() : "";
    if (text && said && text !== said) document.getElementById("announcer").textContent = text;
    said = text || said;
  });
  document.addEventListener("DOMContentLoaded", () => {
    const news = document.querySelector("[data-announce]");
    said = news ? news.textContent.replace(/\s+/g, " ").trim() : "";
  });

  // ---- a part that is drawn anew gets the focus back where it was, and what somebody unfolded stays open. htmx does that
  // for what has an id; the rest is known by where it leads or what it says.
  let marks = null;
  const called = (one) => one.getAttribute("href") || one.textContent.trim();
  const mark = (one, all) => ({ name: called(one), place: all.filter((other) => called(other) === called(one)).indexOf(one) });
  const marked = ({ name, place }, all) => all.filter((other) => called(other) === name)[place];
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target, active = document.activeElement;
    const all = (what) => [...part.querySelectorAll(what)];
    marks = {
      what: active.localName,
      focus: active !== part && part.contains(active) && !active.id ? mark(active, all(active.localName)) : null,
      open: all("details[open]:not([id]) > summary").map((one) => mark(one, all("details:not([id]) > summary"))),
    };
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const part = document.getElementById(event.detail.target.id);
    if (!marks || !part) return;
    const all = (what) => [...part.querySelectorAll(what)];
    for (const one of marks.open) marked(one, all("details:not([id]) > summary"))?.parentElement.setAttribute("open", "");
    if (marks.focus && document.activeElement === document.body) marked(marks.focus, all(marks.what))?.focus({ preventScroll: true });
    marks = null;
  });

  // ---- a form is sent once: the second click of a double click has nothing left to do
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (trouble === "away" || trouble === "unsent") {
      // The browser would leave the page for its own error page, and what was typed with it.
      event.preventDefault();
      say("unsent");
      setTimeout(probe, 1000);
      return;
    }
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    if (event.submitter) event.submitter.setAttribute("aria-busy", "true");
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    for (const button of document.querySelectorAll("[aria-busy=true]")) button.removeAttribute("aria-busy");
  });

  // ---- filters: what is empty or goes without saying has no place in the address bar
  document.addEventListener("htmx:configRequest", (event) => {
    const form = event.detail.elt.closest("form[method=get]");
    if (!form || !event.detail.parameters) return;
    const defaults = JSON.parse(form.dataset.defaults || "{}");
    for (const [name, value] of [...Object.entries(event.detail.parameters)]) {
      if (value === "" || value === defaults[name]) delete event.detail.parameters[name];
    }
  });

  // The sentence about a bad one has come to its field, which itself stays as it is: it is marked here.
  document.addEventListener("htmx:afterSettle", () => {
    for (const field of document.querySelectorAll(".filters [aria-describedby]")) {
      if (document.getElementById(field.getAttribute("aria-describedby")).textContent) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    }
  });

  // ---- choices that send their form at once; without a script there is a button beside them
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-go]")) location.assign(event.target.value);
    if (event.target.matches("[name=way]")) {
      picked = event.target.id;
      nameButton();
    }
  });
  // A way that is chosen while those of another destination are on their way stays chosen, if it leads there.
  let picked = "";
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target.id === "how") picked = "";
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const again = event.detail.target.id === "how" && document.getElementById(picked);
    if (again && !again.disabled) again.checked = true;
  });
  // The button says what is asked for: the way that is chosen, and where it leads.
  const nameButton = () => {
    const chosen = document.querySelector(".ask [name=way]:checked");
    const button = document.querySelector("[data-names-host]");
    if (!button) return;
    button.dataset.plain ??= button.textContent;
    button.textContent = chosen ? chosen.dataset.ask : button.dataset.plain;
    button.disabled = !chosen;
  };
  document.addEventListener("htmx:afterSettle", nameButton);

  // ---- several decisions at once: one box ticks all the others of the page
  const picks = () => [...document.querySelectorAll("input.pick")];
  const countPicks = () => {
    const all = document.querySelector("[data-picks-all] input");
    if (!all) return;
    const ticked = picks().filter((box) => box.checked).length;
    all.closest("label").hidden = picks().length < 2;
    all.checked = ticked > 0 && ticked === picks().length;
    all.indeterminate = ticked > 0 && !all.checked;
    // What the buttons are about, by name: those that would begin, and those that have arrived.
    for (const part of document.querySelectorAll("span[data-picked]")) {
      const chosen = picks().filter((box) => box.checked && box.value.endsWith("." + part.dataset.picked));
      part.lastElementChild.textContent = chosen.map((box) => box.dataset.name).join(", ");
      part.hidden = !chosen.length;
    }
    document.querySelector("p[data-picked]")?.toggleAttribute("hidden", !ticked);
    if (ticked) document.querySelector("[data-none-picked]")?.remove();
  };
  document.addEventListener("change", (event) => {
    if (event.target.closest("[data-picks-all]")) {
      for (const box of picks()) box.checked = event.target.checked;
    }
    if (event.target.matches("input.pick, [data-picks-all] input")) countPicks();
  });
  document.addEventListener("htmx:afterSettle", countPicks);

  // ---- finding: "/" begins, the arrows walk through what was found, Enter takes the only one, Escape leaves.
  // A place to look is a field with its results: the bar on every page, and the menu of destinations.
  const looks = [
    { field: ".find input[type=search]", found: "#found, #results" },
    { field: "#mover-find", found: "#mover-hosts" },
  ];
  const lookOf = (element) => {
    for (const look of looks) {
      const field = document.querySelector(look.field), found = document.querySelector(look.found);
      if (field && found && (element === field || found.contains(element))) return { field, found };
    }
    return null;
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const search = document.querySelector(".find input[type=search]");
    const isTyping = event.target.closest("input, textarea, select, [contenteditable], dialog");
    if (event.key === "/" && search && !isTyping) {
      event.preventDefault();
      search.focus();
      search.select();
      return;
    }
    const look = lookOf(event.target);
    if (!look) return;
    const links = [...look.found.querySelectorAll("a.hit, a:not(.button)")];
    if (event.key === "Escape" && look.found.id === "found") {
      event.preventDefault();
      look.found.replaceChildren();
      look.field.value = "";
      look.field.blur();  // so that "/" begins anew
    }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const stops = [look.field, ...links];
      const next = stops[stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) {
        event.preventDefault();
        next.focus();
      }
    }
    if (event.key === "Enter" && event.target === look.field) {
      // Only what was found for what is written now: an answer may still be on its way.
      const answer = look.found.matches("[data-for]") ? look.found : look.found.querySelector("[data-for]");
      const hits = look.found.querySelectorAll("a.hit");
      const takes = hits.length === 1 || (hits.length > 0 && look.field.id === "mover-find");
      if (takes && answer && answer.dataset.for === look.field.value.trim() && look.field.value.trim()) {
        event.preventDefault();
        hits[0].click();
      }
    }
  });
  // How much was found is said aloud, not the whole list.
  document.addEventListener("htmx:afterSettle", (event) => {
    const look = lookOf(event.detail.elt) || (event.detail.elt.id === "found" ? { found: event.detail.elt } : null);
    const count = look && look.found.querySelector("[data-found]");
    if (count) document.getElementById("announcer").textContent = count.textContent.trim();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-switch]")) changeTheme();
    const found = document.getElementById("found");
    if (found && !event.target.closest(".find")) found.replaceChildren();
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("DOMContentLoaded", () => {
    nameTheme();
    nameButton();
    countPicks();
    for (const element of document.querySelectorAll("[data-without-script]")) element.hidden = true;
    for (const element of document.querySelectorAll("[data-with-script]")) element.hidden = false;
    const toasts = document.querySelectorAll("#toasts .toast");
    for (const toast of toasts) keepToast(toast);
    // What stands in a live region from the start is not read: say it once more, a moment later.
    const told = [...toasts].map((toast) => toast.firstChild.textContent).join(" ");
    if (told) setTimeout(() => (document.getElementById("announcer").textContent = told), 500);
    tick();
    setInterval(tick, 1000);
  });
})();
