// The players of a page, one a call: both legs in one clock, waveforms, and a transcript that follows and leads.

const DRIFT = 0.12; // seconds the legs may lie apart before the second one is set right
const POLITE = 4000; // ms for which the transcript stays where the reader has scrolled it

// What is read along, and the places to jump to, belong to the first player of a page.
document.querySelectorAll("[data-player]").forEach((root, place) => start(root, place === 0));

function start(root, leads) {
  const legs = [...root.querySelectorAll("audio[data-leg]")];
  const total = Number(root.dataset.seconds);
  // The longest leg leads: it is there to the end.
  const lead = legs.reduce((a, b) => (Number(b.dataset.seconds) > Number(a.dataset.seconds) ? b : a));
  const play = root.querySelector("[data-play]");
  const seek = root.querySelector(".seek");
  const now = root.querySelector("[data-now]");
  const failed = root.querySelector("[data-failed]");
  const waves = [...root.querySelectorAll("canvas[data-wave]")].map((canvas) => ({ canvas, peaks: [], seconds: 0 }));
  const transcript = followTranscript(leads && document.querySelector("[data-transcript]"));
  let position = 0;
  let playing = false;
  let dragging = false;

  root.querySelector(".player").hidden = false;
  document.body.toggleAttribute("data-player-ready", true);

  function show(at) {
    position = Math.min(Math.max(at, 0), total);
    now.textContent = clock(position);
    if (!dragging) seek.value = position;
    seek.setAttribute(
      "aria-valuetext",
      root.dataset.position.replace("{now}", clock(position)).replace("{total}", clock(total)),
    );
    for (const wave of waves) draw(wave, position, total);
    transcript.follow(position, playing);
  }

  function moveTo(at) {
    const target = Math.min(Math.max(at, 0), total);
    for (const leg of legs) {
      leg.currentTime = Math.min(target, Number(leg.dataset.seconds));
    }
    show(target);
  }

  async function begin() {
    failed.hidden = true;
    document.dispatchEvent(new CustomEvent("begins", { detail: root })); // one voice at a time
    if (position >= total - 0.05) moveTo(0);
    playing = true;
    showPlaying();
    try {
      await Promise.all(legs.filter((leg) => leg === lead || position < Number(leg.dataset.seconds)).map((leg) => leg.play()));
    } catch (error) {
      // A pause that comes before the sound has begun is no failure.
      if (error.name !== "AbortError") {
        stop();
        failed.hidden = false;
      }
      return;
    }
    requestAnimationFrame(tick);
  }

  function stop() {
    playing = false;
    for (const leg of legs) leg.pause();
    showPlaying();
  }

  function showPlaying() {
    play.classList.toggle("playing", playing);
    play.setAttribute("aria-label", playing ? play.dataset.pauseText : play.dataset.playText);
  }

  function tick() {
    if (!playing) return;
    for (const leg of legs) {
      const shorter = lead.currentTime >= Number(leg.dataset.seconds);
      if (leg !== lead && !shorter && !leg.seeking && Math.abs(leg.currentTime - lead.currentTime) > DRIFT) {
        leg.currentTime = lead.currentTime;
        if (leg.paused) leg.play().catch(() => {});
      }
    }
    show(lead.currentTime);
    requestAnimationFrame(tick);
  }

  function jump(at) {
    moveTo(at);
    if (!playing) begin();
  }

  lead.addEventListener("ended", () => {
    stop();
    show(total);
  });
  for (const leg of legs) {
    leg.addEventListener("error", () => {
      stop();
      failed.hidden = false;
    });
  }
  play.addEventListener("click", () => (playing ? stop() : begin()));
  root.querySelector("[data-back]").addEventListener("click", () => moveTo(position - 5));
  root.querySelector("[data-forward]").addEventListener("click", () => moveTo(position + 5));
  seek.addEventListener("pointerdown", () => (dragging = true));
  seek.addEventListener("pointerup", () => (dragging = false));
  seek.addEventListener("input", () => moveTo(Number(seek.value)));
  // One second a key press; a tenth, the range's own step, would take too long.
  seek.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
    if (event.key in steps) {
      event.preventDefault();
      moveTo(position + steps[event.key]);
    }
  });
  root.querySelector("[data-speed]").addEventListener("change", (event) => {
    for (const leg of legs) leg.playbackRate = Number(event.target.value);
  });
  for (const box of root.querySelectorAll("[data-mute]")) {
    const leg = legs.find((each) => each.dataset.leg === box.dataset.mute);
    leg.muted = box.checked;
    box.addEventListener("change", () => (leg.muted = box.checked));
  }
  for (const button of leads ? document.querySelectorAll("[data-jump]") : []) {
    button.addEventListener("click", () => jump(Number(button.dataset.jump)));
  }
  transcript.onPick((at) => jump(at));

  for (const wave of waves) {
    wave.canvas.addEventListener("click", (event) => moveTo((event.offsetX / wave.canvas.clientWidth) * total));
    load(wave).then(() => draw(wave, position, total));
    new ResizeObserver(() => draw(wave, position, total)).observe(wave.canvas);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(position));
  document.addEventListener("begins", (event) => playing && event.detail !== root && stop());
  addEventListener("pagehide", stop);
  show(0);
}

async function load(wave) {
  const answer = await fetch(wave.canvas.dataset.peaks);
  if (!answer.ok) return;
  const found = await answer.json();
  wave.peaks = found.peaks;
  wave.seconds = found.seconds;
}

function draw(wave, position, total) {
  const { canvas, peaks, seconds } = wave;
  const ratio = devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (!width || !height) return;
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const style = getComputedStyle(canvas);
  const pen = canvas.getContext("2d");
  const bar = 3 * ratio;
  const loudest = Math.max(...peaks, 12);
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = style.getPropertyValue("--wave");
  for (let x = 0; x < width; x += bar) {
    const from = x / width;
    const peak = loudestBetween(peaks, (from * total) / seconds, ((from + bar / width) * total) / seconds);
    const tall = Math.max((peak / loudest) * (height - 8 * ratio), ratio);
    pen.globalAlpha = from * total < position ? 1 : 0.42;
    pen.fillRect(x, (height - tall) / 2, bar - ratio, tall);
  }
  pen.globalAlpha = 1;
  pen.fillStyle = style.getPropertyValue("--ink");
  pen.fillRect(Math.min((position / total) * width, width - 2 * ratio), 0, 2 * ratio, height);
}

function loudestBetween(peaks, from, to) {
  let most = 0;
  const last = Math.min(Math.ceil(to * peaks.length), peaks.length);
  for (let i = Math.floor(from * peaks.length); i < last; i++) most = Math.max(most, peaks[i]);
  return most;
}

function followTranscript(box) {
  if (!box) return { follow() {}, onPick() {} };
  const words = byLeg([...box.querySelectorAll(".word")]);
  const lines = byLeg([...box.querySelectorAll(".utterance")]);
  const wanted = document.querySelector("[data-follow]");
  let left = 0;
  let shown = null;

  const touched = () => (left = Date.now());
  for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) {
    box.addEventListener(kind, touched, { passive: true });
  }

  function follow(at, playing) {
    mark(words, at, "now");
    const current = mark(lines, at, "current");
    if (current && current !== shown && playing && wanted?.checked && Date.now() - left > POLITE) {
      // Only the box scrolls, never the page.
      box.scrollTop += current.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 3;
    }
    shown = current;
  }

  function onPick(picked) {
    box.addEventListener("click", (event) => {
      const word = event.target.closest(".word");
      // Words that are being selected for copying are not a wish to listen.
      if (word && getSelection().isCollapsed) picked(Number(word.dataset.start));
    });
  }
  return { follow, onPick };
}

// The words (or utterances) of each leg in time order; on one leg no two overlap, so that one search finds the current one.
function byLeg(elements) {
  const legs = new Map();
  for (const element of elements) {
    const leg = element.dataset.legWord ?? element.dataset.said;
    if (!legs.has(leg)) legs.set(leg, { items: [], current: null });
    legs.get(leg).items.push({ element, start: Number(element.dataset.start), end: Number(element.dataset.end) });
  }
  return [...legs.values()];
}

// Marks what is said at a moment on each leg; returns the one that began last.
function mark(legs, at, name) {
  let latest = null;
  for (const leg of legs) {
    const item = leg.items[lastBefore(leg.items, at)];
    const found = item && at < item.end ? item : null;
    if (found !== leg.current) {
      leg.current?.element.classList.remove(name);
      found?.element.classList.add(name);
      leg.current = found;
    }
    if (found && (!latest || found.start > latest.start)) latest = found;
  }
  return latest && latest.element;
}

function lastBefore(items, at) {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle].start <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  const pad = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}
