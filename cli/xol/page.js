"use strict";

// The page is complete without this: a diagram and a table for each scene. Here the moments are gone through one by one.
// What is shown comes from the data in the page, as text only.

const { groups, scenes } = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);

// --- where we are: a stop is a moment of a hit, or a refusal

const stops = scenes.flatMap((scene, index) =>
  scene.moments ? scene.moments.map((_, moment) => ({ scene: index, moment })) : [{ scene: index, moment: null }]);
let current = 0;

const stopOf = (scene, moment) => stops.findIndex((stop) => stop.scene === scene && (stop.moment ?? 0) === moment);

function fragment({ scene, moment }) {
  return `#s${scene + 1}` + (moment === null ? "" : `m${moment + 1}`);
}

function stopOfFragment(text) {
  const [, scene, moment] = /^#s(\d+)(?:m(\d+))?$/.exec(text) ?? [];
  return scene === undefined ? -1 : stopOf(scene - 1, (moment ?? 1) - 1);
}

// --- pieces

function made(tag, text, kind = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

function shownValues(values, before) {
  return Object.entries(values).flatMap(([name, value]) => {
    const changed = before !== null && before[name] !== value;
    const shown = made("dd", value, changed ? "changed" : "");
    if (changed) shown.title = `was ${before[name]}`;
    return [made("dt", name), shown];
  });
}

function bitGroup([name, labels], moment, before) {
  const group = made("div", "", "group");
  group.append(made("h4", name));
  for (const [label, field] of labels) {
    const value = bit(moment, field);
    const changed = before !== null && value !== null && bit(before, field) !== value;
    const cell = made("span", value ?? "\u2013", changed ? "bit changed" : "bit");
    const column = made("div", "", "column");
    column.append(made("span", label, "name"), cell);
    group.append(column);
  }
  return group;
}

// A bit is at a path of the moment, as "saved.d"; null where there is nothing saved.
const bit = (moment, path) => path.split(".").reduce((value, name) => value?.[name] ?? null, moment);

function registers({ x, sp, pc, pstate }) {
  return { ...Object.fromEntries(x.map((value, number) => [`x${number}`, value])), sp, pc, pstate };
}

function facts(scene, moment) {
  const place = (address) => scene.places[address] ?? address;
  const known = { cycle: moment.cycle, level: `EL${moment.el}`, lane: moment.lane };
  if (moment.elr !== null) {
    known.ELR = place(moment.elr);
    known.ESR = `${moment.esr}: ${moment.syndrome}`;
  } else if (moment.pc !== null) {
    known.PC = place(moment.pc);
  }
  if (moment.monitor !== null) known["exclusive monitor"] = moment.monitor;
  if (moment.instruction !== null) known.executes = moment.instruction.text;
  return Object.entries(known).flatMap(([name, value]) => [made("dt", name), made("dd", value)]);
}

function marked(line, moment) {
  const address = line.dataset.address;
  line.classList.toggle("pc", moment.pc === address);
  line.classList.toggle("elr", moment.elr === address);
}

function slotLine(line, moment) {
  const item = made("li", "", "line");
  item.dataset.address = line.address;
  item.append(made("span", line.address, "address"), made("span", line.word, "word"), made("span", line.text, "text"));
  marked(item, moment);
  return item;
}

// --- one stop

function showMoment(scene, section, number) {
  const moment = scene.moments[number];
  const before = number ? scene.moments[number - 1] : null;
  at("count").textContent = `moment ${number + 1} of ${scene.moments.length}` +
    (moment.depth ? ", in a hit within the hit" : "");
  at("title").textContent = moment.title;
  at("why").textContent = moment.why;
  at("source").textContent = moment.source;
  at("bits").replaceChildren(...Object.entries(groups).map((group) => bitGroup(group, moment, before)));
  at("facts").firstElementChild.replaceChildren(...facts(scene, moment));
  at("slot").lastElementChild.replaceChildren(...scene.slots[number].map((line) => slotLine(line, moment)));
  at("slot").hidden = !scene.slots[number].length;
  at("registers").lastElementChild.replaceChildren(
    ...shownValues(registers(moment.registers), before && registers(before.registers)));
  for (const line of section.querySelectorAll(".code .line")) marked(line, moment);
  for (const row of section.querySelectorAll("[data-moment]")) {
    const here = Number(row.dataset.moment) === number + 1;
    row.classList.toggle("current", here);
    if (here) row.setAttribute("aria-current", "step"); else row.removeAttribute("aria-current");
  }
  section.querySelector(".wide .current").scrollIntoView({ block: "nearest" }); // nothing where it is not shown
}

function setUp(section) {
  section.querySelector(".left").append(at("registers"));
  const right = section.querySelector(".right");
  right.prepend(at("told"), at("bits"), at("facts"));
  right.append(at("slot"));
}

function show(stop) {
  if (stop < 0) return;
  current = Math.min(stop, stops.length - 1);
  const { scene, moment } = stops[current];
  const section = at(`s${scene + 1}`);
  for (const each of document.querySelectorAll(".scene")) each.classList.toggle("shown", each === section);
  for (const link of document.querySelectorAll("#scenes a")) {
    if (link.getAttribute("href") === `#s${scene + 1}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  if (moment !== null) {
    setUp(section);
    showMoment(scenes[scene], section, moment);
  }
  at("position").textContent = `${current + 1} / ${stops.length}`;
  const ends = { first: 0, previous: 0, next: stops.length - 1, last: stops.length - 1, exception: lastException() };
  for (const [action, end] of Object.entries(ends)) {
    button(action).setAttribute("aria-disabled", action === "exception" ? current >= end : current === end);
  }
  history.replaceState(null, "", fragment(stops[current]));
}

// --- what can be done

const button = (action) => at("controls").querySelector(`[data-do=${action}]`);
const isException = ({ scene, moment }) => moment !== null && scenes[scene].exceptions.includes(moment);
const lastException = () => stops.findLastIndex(isException);

function toggleTable() {
  const shown = document.body.classList.toggle("with-table");
  button("table").setAttribute("aria-pressed", shown);
}

const actions = {
  first: () => show(0),
  previous: () => show(Math.max(current - 1, 0)),
  next: () => show(current + 1),
  exception: () => show(stops.findIndex((stop, index) => index > current && isException(stop))),
  last: () => show(stops.length - 1),
  table: toggleTable,
  help: () => at("help").showModal(),
};

const keys = {
  ArrowRight: "next", n: "next", " ": "next", ArrowLeft: "previous", p: "previous",
  e: "exception", Home: "first", End: "last", t: "table", "?": "help",
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || at("help").open) return;
  if (event.key === " " && event.target.closest("button, summary")) return; // it presses that
  const scene = /^[1-9]$/.test(event.key) ? stopOf(event.key - 1, 0) : -1;
  if (scene >= 0) show(scene);
  else if (keys[event.key]) actions[keys[event.key]]();
  else return;
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("[data-do]");
  if (pressed) actions[pressed.dataset.do]();
  const link = event.target.closest("a[href^='#s']");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault(); // the browser would go to the row of the table
  show(stopOfFragment(link.getAttribute("href")));
});

window.addEventListener("hashchange", () => {
  const stop = stopOfFragment(location.hash);
  show(stop < 0 ? current : stop);
});

document.documentElement.classList.add("js");
at("controls").hidden = false;
show(Math.max(stopOfFragment(location.hash), 0));
