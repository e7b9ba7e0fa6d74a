// The residents' chat page. Every message has an id made here; whatever goes wrong, it is sent again under the same id,
// so nothing is said twice. What waits to be sent is kept in this tab only (sessionStorage) until it is delivered.
"use strict";
(() => {
  const T = JSON.parse(document.body.dataset.texts);
  const LANG = "?lang=" + document.body.dataset.lang;
  const MARK = { "X-Buqi-Page": "1" };
  const MOST = 4000, ANSWER_MS = 20000, WAITS_MS = [1000, 2000, 4000, 8000, 15000];
  const RECEIPT = /(?<![0-9A-Za-z])([2-9A-Z]{3}-[2-9A-Z]{4})(?![0-9A-Za-z])/;
  const [log, box, form, notice, offer, quick, size, where, down] =
    ["log", "box", "say", "notice", "offer", "quick", "size", "where", "down"].map((id) => document.getElementById(id));
  const head = document.querySelector("header"), foot = document.querySelector("footer");
  const shown = new Set(); // outbox rows already on the page
  let queue = load("queue") || []; // {id, text | button | command, argument, label}
  let stale = queue.length > 0; // what waited over a reload may already be in the history
  let working = false, tries = 0, timer = 0, events = null, heard = 0;

  // small helpers

  function load(name) { try { return JSON.parse(sessionStorage.getItem("buqi." + name)); } catch { return null; } }
  function save(name, value) {
    try {
      if (value === null) sessionStorage.removeItem("buqi." + name);
      else sessionStorage.setItem("buqi." + name, JSON.stringify(value));
    } catch { /* no storage: the page works, only a reload forgets */ }
  }
  function make(tag, className, text) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text; // never innerHTML: texts are strangers' words
    return node;
  }
  function inWords(node, text) {
    // a receipt number stays in one piece, whatever the width
    text.split(RECEIPT).forEach((part, index) => node.append(index % 2 ? make("span", "whole", part) : part));
    return node;
  }
  function newId() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  function tell(sentence) { notice.hidden = !sentence; notice.textContent = sentence || ""; }
  function toBox() { box.focus({ preventScroll: covered(foot) > 0 }); } // what is always in sight needs no scrolling
  function toEnd() { window.scrollTo(0, document.documentElement.scrollHeight); }
  const covered = (bar) => getComputedStyle(bar).position === "sticky" ? bar.offsetHeight : 0;
  function toLine(line) {
    // to the end, but never past the beginning of what is new
    const page = document.documentElement, end = page.scrollHeight - page.clientHeight;
    window.scrollTo(0, Math.min(end, line.getBoundingClientRect().top + window.scrollY - covered(head) - 8));
    lookDown();
  }
  function toQuestion() {
    // the open question from its beginning, or, where that is too long, its end: always with its first choices
    const line = log.lastElementChild;
    if (!line) return;
    toLine(line);
    const first = [...line.querySelectorAll(".choices button")].slice(0, 2).pop();
    const under = first ? first.getBoundingClientRect().bottom + 8 - (window.innerHeight - covered(foot)) : 0;
    if (under > 0) window.scrollBy(0, under);
    lookDown();
  }
  function lookDown() {
    // choices that the bar at the bottom hides are pointed at
    const first = log.querySelector(".line:last-child .choices button");
    down.hidden = !first || first.getBoundingClientRect().bottom <= window.innerHeight - covered(foot);
  }
  down.addEventListener("click", toQuestion);
  window.addEventListener("scroll", lookDown, { passive: true });
  window.addEventListener("resize", lookDown);

  // the log

  function bubble(by, text) {
    const line = make("div", "line " + by);
    line.append(make("span", "who", by === "resident" ? T.you : T.bot), inWords(make("p"), text));
    log.append(line);
    return line;
  }
  function dropChoices() { log.querySelectorAll(".choices").forEach((old) => old.remove()); }
  function answer(reply) {
    dropChoices();
    const line = bubble("bot", reply.text);
    if (reply.buttons.length) line.append(choices(reply.buttons));
    return line;
  }
  function choices(buttons) {
    const group = make("div", "choices");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", T.choices);
    group.append(make("p", "hint", T.choices));
    buttons.forEach((button, index) => {
      const node = make("button");
      node.type = "button";
      node.dataset.payload = button.payload;
      node.append(make("b", "", String(index + 1)));
      inWords(node, " " + button.label);
      node.addEventListener("click", (event) => {
        if (event.detail === 0) toBox(); // by keyboard: this button goes away; by finger: no keyboard pops up
        say({ button: button.payload }, button.label);
      });
      group.append(node);
    });
    return group;
  }
  function state(item, name) {
    const line = item.line;
    if (!line || !line.isConnected) return;
    line.classList.toggle("failed", name === "failed");
    let sign = line.querySelector(".state");
    if (!sign) line.append(sign = make("span", "state"));
    sign.textContent = T[name];
    if (name === "failed") {
      const again = make("button", "", T.retry);
      again.type = "button";
      again.addEventListener("click", () => { tries = 0; work(); });
      sign.append(again);
    }
  }

  // sending: one after the other, in order

  function say(what, label) {
    tell("");
    if (what.text !== undefined) letGo(what.text);
    const item = { id: newId(), ...what, label };
    queue.push(item);
    keepQueue();
    show(item);
    work();
  }
  function show(item) {
    if (item.label) { item.line = bubble("resident", item.label); state(item, "sending"); toEnd(); }
  }
  function keepQueue() { save("queue", queue.length ? queue.map(({ line, ...rest }) => rest) : null); }

  async function work() {
    clearTimeout(timer);
    if (working) return;
    working = true;
    while (queue.length) {
      const item = queue[0];
      state(item, "sending");
      const { line, label, ...body } = item;
      const result = await post(body);
      if (result.status === 200) { delivered(item, result.json.replies); continue; }
      if (result.status && result.status < 500) { giveBack(result.json.message || T.failed); continue; }
      queue.forEach((waiting) => state(waiting, "failed"));
      tell(result.status ? result.json.message || T.offline : T.offline);
      timer = setTimeout(work, WAITS_MS[Math.min(tries++, WAITS_MS.length - 1)]);
      break;
    }
    working = false;
  }
  async function post(body) {
    const stop = new AbortController();
    const limit = setTimeout(() => stop.abort(), ANSWER_MS);
    try {
      const response = await fetch("/chat/messages" + LANG, {
        method: "POST", headers: { "Content-Type": "application/json", ...MARK }, body: JSON.stringify(body), signal: stop.signal,
      });
      return { status: response.status, json: await response.json().catch(() => ({})) };
    } catch {
      return { status: 0, json: {} };
    } finally {
      clearTimeout(limit);
    }
  }
  function delivered(item, replies) {
    queue.shift();
    keepQueue();
    tries = 0;
    tell("");
    state(item, "sent");
    if (stale) {
      if (!queue.length) { stale = false; open(); }
    } else {
      const lines = replies.map(answer);
      if (lines.length) toLine(lines[0]);
    }
    consent(item, replies);
    if (!events) listen();
  }
  function giveBack(sentence) {
    // refused: the words go back into the box, in their order, before what is being typed
    const words = queue.filter((item) => item.text !== undefined).map((item) => item.text);
    queue.forEach((item) => item.line && item.line.remove());
    queue = [];
    stale = false;
    keepQueue();
    box.value = [...words, box.value].filter(Boolean).join("\n");
    grow();
    tell(sentence);
  }

  // what was said before consent: kept here alone, offered again after it

  async function consent(item, replies) {
    const asked = replies.some((reply) => reply.buttons.some((button) => button.payload === "consent:yes"));
    if (asked && item.text !== undefined) keep([...kept().filter((old) => !isSame(old, item.text)), item.text]);
    const moved = item.button !== undefined && /^(in|consent):/.test(item.button);
    if (asked || !(moved || kept().length)) return;
    const now = await history();
    if (!now) return;
    if (now.community) { where.textContent = now.community; where.hidden = false; }
    if (now.consented && kept().length) offerKept();
  }
  const kept = () => [].concat(load("kept") || []);
  function keep(texts) { save("kept", texts.length ? texts : null); }
  const bare = (text) => text.replace(/[\s\p{P}]/gu, "");
  const isSame = (one, other) => bare(one) === bare(other);
  function letGo(text) {
    // said again, or offered once and passed over for other words; a bare number only answers the question
    const rest = offer.hidden ? kept().filter((old) => !isSame(old, text)) : /^\d{1,2}$/.test(text) ? kept() : [];
    keep(rest);
    if (!rest.length) offer.hidden = true;
  }
  function offerKept() {
    const text = kept().join("\n").slice(0, MOST);
    offer.replaceChildren(inWords(make("p"), T.offer.replace("{text}", () => text)));
    const row = make("div");
    const yes = make("button", "send", T.offer_send), no = make("button", "", T.offer_drop);
    yes.type = no.type = "button";
    const end = () => { keep([]); offer.hidden = true; toBox(); };
    yes.addEventListener("click", () => { end(); say({ text }, text); });
    no.addEventListener("click", end);
    row.append(yes, no);
    offer.append(row);
    offer.hidden = false;
    toQuestion();
  }

  // coming back, and hearing

  async function history() {
    try {
      const response = await fetch("/chat/history" + LANG, { headers: MARK });
      return response.ok ? await response.json() : null;
    } catch { return null; }
  }
  async function open() {
    const now = await history();
    if (!now) { tell(T.offline); setTimeout(open, 4000); return; }
    heard = now.at;
    log.setAttribute("aria-live", "off"); // the past is not read aloud again
    log.replaceChildren();
    for (const line of now.lines) { shown.add(line.id); bubble(line.by, line.text); }
    if (now.buttons.length && log.lastElementChild) log.lastElementChild.append(choices(now.buttons));
    setTimeout(() => log.setAttribute("aria-live", "polite"), 500);
    if (now.community) { where.textContent = now.community; where.hidden = false; }
    queue.forEach(show);
    toEnd();
    if (now.lines.length) listen();
    else if (!queue.length) say({ command: "start", argument: document.body.dataset.start }, "");
    lookDown();
    if (now.consented && kept().length) offerKept();
  }
  function listen() {
    if (document.hidden || events) return;
    const source = events = new EventSource("/chat/events?after=" + heard);
    source.addEventListener("push", (event) => {
      heard = Number(event.lastEventId) || heard;
      const push = JSON.parse(event.data);
      if (!shown.has(push.id)) { shown.add(push.id); toLine(answer(push)); }
    });
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED || events !== source) return;
      events = null;
      setTimeout(listen, 10000);
    });
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) { if (heard && log.children.length) listen(); return; }
    if (events) { events.close(); events = null; } // a hidden tab holds no connection
  });
  window.addEventListener("online", () => { tries = 0; work(); });

  // the box

  function grow() {
    box.style.height = "auto";
    box.style.height = Math.min(box.scrollHeight + 3, 240) + "px";
  }
  function submit() {
    const text = box.value.trim();
    if (!text) { box.value = ""; toBox(); tell(T.empty); return; }
    const count = Array.from(text).length;
    if (count > MOST) { tell(T.too_long.replace("{count}", count)); return; }
    box.value = "";
    grow();
    say({ text }, text);
    toBox();
  }
  form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  box.addEventListener("input", () => { grow(); if (notice.textContent === T.empty) tell(""); });
  box.addEventListener("keydown", (event) => {
    // Enter sends; not while an input method is still choosing characters
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) { event.preventDefault(); submit(); }
  });
  quick.hidden = false;
  quick.querySelectorAll("button").forEach((button) =>
    button.addEventListener("click", () => say({ command: button.dataset.command }, button.textContent)));

  // large type, remembered on this device

  function setSize(large) {
    document.documentElement.classList.toggle("large", large);
    size.setAttribute("aria-pressed", String(large));
    size.textContent = large ? T.normal : T.large;
    grow();
  }
  let large = false;
  try { large = localStorage.getItem("buqi.large") === "1"; } catch { /* not remembered */ }
  size.hidden = false;
  size.addEventListener("click", () => {
    large = !large;
    try { localStorage.setItem("buqi.large", large ? "1" : "0"); } catch { /* not remembered */ }
    setSize(large);
    toEnd();
  });
  setSize(large);

  if (stale) { queue.forEach(show); work().then(() => { if (stale) open(); }); } else open();
})();
