// Everything here is a convenience: each page says and does all it has to
// without it.
(() => {
  'use strict';

  const lang = document.documentElement.lang;
  // What the server's clock is ahead of ours, in milliseconds, once we know.
  let ahead = 0;

  function show(root) {
    for (const el of root.querySelectorAll('[data-js]')) el.hidden = false;
    for (const el of root.querySelectorAll('[data-nojs]')) el.hidden = true;
  }

  // The token has done its part once the page is here: keep it out of the
  // history and of whatever reads the address bar.
  function scrub() {
    const url = new URL(location.href);
    if (!url.searchParams.has('token')) return;
    url.searchParams.delete('token');
    history.replaceState(history.state, '', url.pathname + url.search);
  }

  // Times come in UTC; show them in the person's zone and keep the original at hand.
  function localise(root) {
    const own = (navigator.language || '').toLowerCase();
    const locale = own.startsWith(lang) ? navigator.language : lang;
    const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
    const day = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' });
    for (const el of root.querySelectorAll('time[datetime]')) {
      const at = new Date(el.dateTime);
      if (isNaN(at)) continue;
      el.title = el.textContent;
      el.textContent = ('day' in el.dataset ? day : clock).format(at);
    }
  }

  // Tell how long until the next mail; far ahead, the time of day says it better.
  function countDown(el) {
    const until = Date.parse(el.dataset.until);
    const plain = el.textContent;
    const tick = () => {
      const left = Math.ceil((until - Date.now() - ahead) / 1000);
      if (left <= 0) {
        el.textContent = el.dataset.ready;
        return;
      }
      const clock = Math.floor(left / 60) + ':' + String(left % 60).padStart(2, '0');
      el.textContent = left > 600 ? plain : el.dataset.counting.replace('{left}', clock);
      setTimeout(tick, 1000);
    };
    if (!isNaN(until)) tick();
  }

  // Take over what the page says now of the mail, and leave alone what somebody
  // may be typing. Only a look: a login that is done meanwhile waits for the next ask.
  async function renew(address) {
    const answer = await fetch(address + '&look=1', { cache: 'no-store', credentials: 'same-origin', redirect: 'manual' });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
    for (const part of fresh.querySelectorAll('[data-part]')) {
      const old = document.querySelector('[data-part="' + part.dataset.part + '"]');
      if (!old) continue;
      show(part);
      localise(part);
      Object.assign(old.dataset, part.dataset);
      old.replaceChildren(...part.childNodes);
    }
    document.title = fresh.title;
  }

  // Ask whether the login is done: often at first, then ever more rarely, and
  // only while somebody looks.
  function poll(el) {
    const first = 2000, slowest = 15000, longestAsk = 10000;
    let pause = first, timer = 0, busy = false, over = false;

    const ask = async () => {
      if (busy || over || document.hidden) return;
      busy = true;
      try {
        const answer = await fetch(el.dataset.poll, {
          cache: 'no-store',
          credentials: 'same-origin',
          headers: { Accept: 'application/json' },
          signal: AbortSignal.timeout ? AbortSignal.timeout(longestAsk) : undefined,
        });
        const date = Date.parse(answer.headers.get('Date'));
        if (!isNaN(date)) ahead = date - Date.now();
        const { state } = await answer.json();
        if (state === 'done' || state === 'expired') {
          over = true;
          location.replace(el.dataset.self);
          return;
        }
        const told = document.querySelector('[data-delivery]').dataset.delivery || 'asked';
        if (answer.ok && state !== told) await renew(el.dataset.self);
      } catch {
        // Offline or interrupted: the next try may do.
      } finally {
        busy = false;
      }
      pause = Math.min(pause * 1.3, slowest);
      next();
    };
    const next = () => {
      clearTimeout(timer);
      if (!over) timer = setTimeout(ask, pause);
    };
    document.addEventListener('visibilitychange', () => {
      if (document.hidden || over) return;
      pause = first;
      clearTimeout(timer);
      ask();
    });
    // Back from the page cache: timers stood still, and the answer may have changed.
    addEventListener('pageshow', (event) => {
      if (!event.persisted) return;
      over = busy = false;
      ask();
    });
    next();
  }

  function copier(button) {
    const source = document.getElementById(button.dataset.copy);
    const told = button.parentElement.querySelector('[data-told]');
    if (!source || !navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(source.textContent.trim());
        if (told) told.textContent = button.dataset.copied;
      } catch {
        getSelection().selectAllChildren(source);
      }
    });
  }

  // A second press of a button must not send its form twice.
  function sendOnce(form) {
    let sent = false;
    form.addEventListener('submit', (event) => {
      if (sent) event.preventDefault();
      sent = true;
    });
    addEventListener('pageshow', () => { sent = false; });
  }

  // Which number, after the salt, has that hash? Nobody knows but by trying.
  async function solve({ algorithm, salt, challenge, maxnumber }, tell) {
    const atOnce = 500, text = new TextEncoder();
    const wanted = challenge.match(/../g).map((digits) => parseInt(digits, 16));
    for (let from = 0; from <= maxnumber; from += atOnce) {
      const hashes = await Promise.all(Array.from({ length: atOnce }, (_, i) =>
        crypto.subtle.digest(algorithm, text.encode(salt + (from + i)))));
      const found = hashes.findIndex((hash) => new Uint8Array(hash).every((byte, i) => byte === wanted[i]));
      if (found >= 0) return from + found;
      tell(from / maxnumber);
    }
    throw new Error('no number has that hash');
  }

  // Do the task that keeps bots away, from when the page is here. Who presses the
  // button meanwhile goes on as soon as it is done; who cannot do it waits.
  async function work(box) {
    const form = box.closest('form');
    const field = box.querySelector('input'), bar = box.querySelector('progress');
    const told = box.querySelector('[role="status"]');
    let done = false, pressed = 'press' in box.dataset;
    form.addEventListener('input', () => { pressed = false; });
    form.addEventListener('submit', (event) => {
      if (done || (event.submitter && event.submitter.hasAttribute('formaction'))) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      pressed = true;
    });
    told.textContent = told.dataset.doing;
    bar.hidden = false;
    try {
      const task = JSON.parse(atob(field.value));
      const number = await solve(task, (part) => { bar.value = part; });
      field.value = btoa(JSON.stringify({ ...task, number }));
      told.textContent = told.dataset.done;
    } catch {
      pressed = false;
      told.textContent = '';
      box.querySelector('[data-nojs]').hidden = false;
    }
    done = bar.hidden = true;
    if (pressed) form.requestSubmit();
  }

  function lookAtProblem() {
    const field = document.querySelector('[aria-invalid="true"]');
    if (!field) return;
    field.focus();
    if (field.select) field.select();
  }

  // Go on as soon as the apps' pages are loaded; the page's own refresh does so
  // where one of them never is.
  function goOn(link) {
    const frames = [...document.querySelectorAll('iframe')];
    const loaded = frames.map((frame) => new Promise((done) => frame.addEventListener('load', done)));
    Promise.all(loaded).then(() => location.replace(link.href));
  }

  scrub();
  show(document);
  localise(document);
  document.querySelectorAll('[data-work]').forEach(work); // before what sends once
  document.querySelectorAll('form[method="post"]').forEach(sendOnce);
  document.querySelectorAll('[data-copy]').forEach(copier);
  document.querySelectorAll('[data-poll]').forEach(poll);
  document.querySelectorAll('[data-until]').forEach(countDown);
  if (document.querySelector('meta[http-equiv="refresh"]')) document.querySelectorAll('.actions a').forEach(goOn);
  lookAtProblem();
})();
