// Keeps an open page up to date: takes its regions from the server as they change, and reopens the stream by itself.

const root = document.querySelector("[data-stream]");
const SILENCE = 40_000; // the server beats every 15 s
const SECOND = 1000;
const OWN = new Set(["open", "data-dirty", "data-sent"]); // set by this page, not by the server
let source = null;
let heard = Date.now();
let wait = SECOND;
let timer = 0;

/** Show how the connection stands: wait, on, off or trouble. */
function say(state) {
  const box = document.querySelector("[data-connection]");
  if (!box || box.dataset.connection === state) return;
  box.dataset.connection = state;
  for (const each of box.querySelectorAll("[data-says]")) each.hidden = each.dataset.says !== state;
}

function open() {
  clearTimeout(timer);
  source?.close();
  heard = Date.now();
  source = new EventSource(root.dataset.stream);
  source.addEventListener("regions", (event) => {
    take("on");
    for (const [name, html] of Object.entries(JSON.parse(event.data))) draw(name, html);
    tick();
    root.dispatchEvent(new CustomEvent("drawn"));
  });
  source.addEventListener("beat", () => take("on"));
  source.addEventListener("trouble", () => take("trouble"));
  source.addEventListener("ended", () => {
    source.close();
    location.assign("/login?next=" + encodeURIComponent(location.pathname));
  });
  source.addEventListener("error", () => {
    say("off");
    // An EventSource tries again after a lost connection, and gives up after an answer it cannot use.
    if (source.readyState === EventSource.CLOSED) again();
  });
}

function take(state) {
  heard = Date.now();
  wait = SECOND;
  say(state);
}

function again() {
  clearTimeout(timer);
  timer = setTimeout(open, wait);
  wait = Math.min(wait * 2, 30 * SECOND);
}

function draw(name, html) {
  const region = document.querySelector(`[data-region="${name}"]`);
  if (!region) return;
  const fresh = region.cloneNode(false);
  fresh.innerHTML = html;
  morphChildren(region, fresh);
}

/** Make `old` like `fresh` while keeping what is the same: focus, what was typed, what is open. */
function morph(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE || old.isEqualNode(fresh)) return;
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !OWN.has(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.localName === "textarea" && !old.form?.matches("[data-dirty], [data-sent]")) old.value = fresh.value;
  morphChildren(old, fresh);
}

function morphChildren(old, fresh) {
  const rest = [...old.childNodes];
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const index = rest.findIndex((each) => same(each, child));
    if (index < 0) {
      old.insertBefore(child, place);
      continue;
    }
    const [kept] = rest.splice(index, 1);
    if (kept === place) place = place.nextSibling;
    else old.insertBefore(kept, place);
    morph(kept, child);
  }
  // What somebody has written and not saved stays, whatever comes next.
  for (const each of rest) if (!(each instanceof Element && each.matches("[data-dirty]"))) each.remove();
}

function same(one, other) {
  if (one.nodeType !== other.nodeType || one.nodeName !== other.nodeName) return false;
  if (one.nodeType !== Node.ELEMENT_NODE) return true;
  return name(one) === name(other);
}

function name(element) {
  if (element.localName === "option") return element.value;
  return element.id || element.dataset.key || element.getAttribute("action") || element.getAttribute("name") || "";
}

/** How long since, on every running clock. */
function tick() {
  for (const each of document.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(each.dataset.since)) / SECOND));
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    const rest = String(seconds % 60).padStart(2, "0");
    each.textContent = hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
    each.classList.toggle("long", "marks" in each.dataset && seconds >= 60);
    each.classList.toggle("too-long", "marks" in each.dataset && seconds >= 180);
  }
  if (Date.now() - heard > SILENCE) {
    say("off");
    open();
  }
}

/** Send a form and say what became of it; resolves to whether it was done. */
async function send(form, button) {
  const body = new URLSearchParams(new FormData(form, button));
  const target = button?.getAttribute("formaction") ?? form.getAttribute("action");
  button?.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(target, { method: "POST", body, headers: { Accept: "application/json" } });
    if (answer.redirected || !answer.headers.get("content-type")?.includes("json")) {
      location.reload(); // signed out, or the page is out of date
      return false;
    }
    const { ok, said, error } = await answer.json();
    tell(said ?? error, ok === true);
    return ok === true;
  } catch {
    tell(root.dataset.failed, false);
    return false;
  } finally {
    button?.removeAttribute("aria-busy");
  }
}

let gone = 0;
function tell(text, good) {
  const box = document.querySelector("[data-said]");
  const line = document.createElement("p");
  line.className = `notice ${good ? "good" : "bad"}`;
  line.textContent = text;
  box.replaceChildren(line);
  clearTimeout(gone);
  gone = setTimeout(() => box.replaceChildren(), good ? 4 * SECOND : 12 * SECOND);
}

function submitted(event) {
  const form = event.target;
  if (!form.matches("[data-command]")) return;
  event.preventDefault();
  if (event.submitter?.getAttribute("aria-busy") === "true") return;
  send(form, event.submitter).then((done) => {
    if (done) form.dispatchEvent(new CustomEvent("sent", { bubbles: true }));
  });
}

function pressed(event) {
  if (!event.altKey || event.ctrlKey || event.metaKey || !event.code.startsWith("Key")) return;
  const target = document.querySelector(`[data-shortcut="${event.code.slice(3)}"]`);
  if (!target) return;
  event.preventDefault();
  if (target.localName === "button") target.click();
  else target.focus();
}

if (root) {
  document.addEventListener("submit", submitted);
  document.addEventListener("keydown", pressed);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && open());
  addEventListener("online", open);
  setInterval(tick, SECOND);
  tick();
  open();
}
