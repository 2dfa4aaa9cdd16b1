// Keeps a page true: ages count on, the content is fetched again when something changed, and what is old looks old.
"use strict";
(() => {
  const POLL_MS = 10000, HIDDEN_POLL_MS = 30000, RETRY_MS = 2000, MIN_GAP_MS = 1500;
  const FETCH_TIMEOUT_MS = 8000, SILENCE_MS = 20000, REOPEN_MS = 5000;
  const QUIET_MS = 60000, OPEN_MS = 10000;
  const root = document.documentElement;
  const main = document.getElementById("content");
  const foot = document.getElementById("foot");
  const icon = document.querySelector("link[rel=icon]");
  const lostBox = document.getElementById("gone");
  const lostHead = document.getElementById("gone-head");
  const lostWords = document.getElementById("gone-words");
  const connection = document.getElementById("connection");
  const made = document.querySelector("#now time");
  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

  // While a phone sleeps one of the two clocks may stand still: the larger span is the one that passed.
  const stopwatch = (before = 0) => {
    const steady = performance.now(), wall = Date.now();
    return () => before + Math.max(performance.now() - steady, Date.now() - wall, 0);
  };
  const navigation = performance.getEntriesByType("navigation")[0];
  let sinceMade = stopwatch(navigation ? performance.now() - navigation.responseStart : 0);
  let sinceAsked = stopwatch(), sinceEvent = stopwatch();
  let failure = null, isLive = false, isBusy = false, isWanted = false, source = null;

  // The same words as age_words() of the server.
  const words = (seconds) => {
    let rest = Math.max(Math.floor(seconds), 0);
    const parts = [];
    for (const [size, unit] of UNITS) {
      const count = Math.floor(rest / size);
      rest %= size;
      if (count || parts.length) parts.push(count ? `${count} ${unit}` : "");
      if (parts.length === 2) break;
    }
    return parts.filter(Boolean).join(" ") || "0 s";
  };

  const setText = (node, text) => { if (node.textContent !== text) node.textContent = text; };

  const showIcon = (tone) => {
    const address = icon.getAttribute("href").replace(/icon-\w+/, `icon-${tone}`);
    if (icon.getAttribute("href") !== address) icon.setAttribute("href", address);
  };

  const countOn = () => {
    const elapsed = sinceMade() / 1000;
    let worstStale = 0;
    for (const node of main.querySelectorAll(".age")) {
      const seconds = Number(node.dataset.age) + elapsed;
      setText(node, words(seconds));
      const limit = Number(node.dataset.staleAfter || 0);
      const isStale = limit > 0 && seconds > limit;
      node.classList.toggle("stale", isStale);
      if (isStale) {
        node.closest(".hero, .scope")?.classList.add("stale");
        if (node.closest(".hero, [data-whole]")) worstStale = Math.max(worstStale, seconds);
      }
    }
    const isUnsure = elapsed * 1000 > SILENCE_MS;
    root.classList.toggle("lost", Boolean(failure));
    root.classList.toggle("aged", !failure && (isUnsure || worstStale > 0));
    root.classList.toggle("live", isLive && !failure);
    setText(connection, failure ? "lost;" : isLive ? "live," : "checked,");
    setText(made, `${main.dataset.generated.slice(11, 19)} UTC, ${words(elapsed)} ago`);
    if (failure) {
      lostBox.hidden = false;
      setText(lostHead, failure.head);
      setText(lostWords, `${failure.words} What you see was true ${words(elapsed)} ago.`);
      document.title = `${failure.title} ${words(elapsed)} · margin-monitor`;
      showIcon("gone");
    } else {
      lostBox.hidden = true;
      const old = Math.max(worstStale, isUnsure ? elapsed : 0);
      const isKnown = main.dataset.tone === "old";
      document.title = old && !isKnown ? `OLD ${words(old)} · ${main.dataset.title}` : main.dataset.title;
      showIcon(old ? "old" : main.dataset.tone);
    }
  };

  const KEEP = {
    morphStyle: "outerHTML",
    ignoreActiveValue: true,
    callbacks: {
      // Whoever types a comment keeps it; a chart that was drawn stays.
      beforeNodeMorphed: (old) => !(old.nodeType === 1 && (old.matches("[data-keep]") || (old.matches("form") && old.dataset.dirty))),
      beforeAttributeUpdated: (name, node) => !(name === "open" && node.matches("details")),
    },
  };

  const show = (text) => {
    const page = new DOMParser().parseFromString(text, "text/html");
    const content = page.getElementById("content");
    if (!content) throw new Error("no page");
    window.Idiomorph.morph(main, content, KEEP);
    window.Idiomorph.morph(foot, page.getElementById("foot"), KEEP);
    root.dataset.tone = main.dataset.tone;
  };

  const refresh = async () => {
    if (isBusy) { isWanted = true; return; }
    isBusy = true;
    isWanted = false;
    sinceAsked = stopwatch();
    const asked = sinceAsked;
    try {
      const limit = AbortSignal.timeout(FETCH_TIMEOUT_MS);
      const response = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store", signal: limit });
      if (!response.ok) throw new Error("answer", { cause: response.status });
      show(await response.text());
      sinceMade = asked;
      failure = null;
      document.dispatchEvent(new CustomEvent("page-fresh"));
    } catch (error) {
      failure = error.message === "answer"
        ? { head: "No new figures from the daemon.", words: `It answers with error ${error.cause}; trying again.`, title: "OLD" }
        : { head: "No connection to the daemon.", words: "It does not answer; trying again.", title: "NO CONNECTION" };
    }
    isBusy = false;
    countOn();
  };

  const listen = () => {
    source?.close();
    sinceEvent = stopwatch();
    source = new EventSource("/api/v1/live");
    const changed = () => { sinceEvent = stopwatch(); isLive = true; isWanted = true; };
    source.onopen = () => { sinceEvent = stopwatch(); isLive = true; };
    for (const name of ["status", "alert", "action"]) source.addEventListener(name, changed);
    source.onerror = () => {
      isLive = false;
      refresh();
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, REOPEN_MS);
    };
  };

  // A dead connection is as silent as a quiet account: opened anew, it is answered at once, or it is no longer "live".
  const checkSource = () => {
    const isOpen = source.readyState === EventSource.OPEN;
    if (sinceEvent() < (isOpen ? QUIET_MS : OPEN_MS)) return;
    isLive = isLive && isOpen;
    listen();
  };

  const tick = () => {
    checkSource();
    countOn();
    const asked = sinceAsked();
    const poll = failure ? RETRY_MS : document.hidden ? HIDDEN_POLL_MS / 2 : POLL_MS;
    if (asked >= poll || (isWanted && !document.hidden && asked >= MIN_GAP_MS)) refresh();
  };

  document.addEventListener("input", (event) => { if (event.target.form) event.target.form.dataset.dirty = "1"; });
  document.addEventListener("submit", (event) => {
    // A second press while the first is on its way does nothing.
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "1";
  });
  document.addEventListener("visibilitychange", () => { countOn(); if (!document.hidden) refresh(); });
  window.addEventListener("pageshow", (event) => {
    for (const form of document.forms) delete form.dataset.sent;
    if (event.persisted) refresh();
  });
  window.addEventListener("offline", refresh);
  window.addEventListener("online", refresh);
  root.classList.add("scripted");
  setInterval(tick, 1000);
  countOn();
  listen();
  // A link in a message of another site comes without the cookie of the session; this page's own request has it.
  if (foot.querySelector("a[href^='/login']")) refresh();
})();
