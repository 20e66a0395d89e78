// The controls that several views have: model, mode, task.

import { choice, el, field } from "./dom.js";
import { modelNamed, served } from "./served.js";
import { t } from "./language.js";

/** Make the controls; `changed()` is told of every choice. */
export function modelSettings(changed) {
  const model = field("field.model", choice([], { change: update }));
  const mode = field(
    "field.mode",
    choice(["symmetric", "query-document", "plain"].map((name) => [name, `mode.${name}`]), { change: update }),
    el("p", { class: "help" }),
  );
  const list = el("datalist", { id: `tasks-${crypto.getRandomValues(new Uint32Array(1))[0]}` });
  const task = field(
    "field.task", el("input", { type: "text", list: list.id, autocomplete: "off", on: { input: changed } }),
    el("p", { class: "help", say: "task.help" }),
  );
  const box = el("div", { class: "row settings" }, model.box, mode.box, task.box, list);

  // A model that the address names may be known only later.
  let wanted = "";

  function update() {
    wanted = "";
    refresh();
    changed();
  }

  function refresh() {
    const chosen = wanted || model.control.value;
    model.control.replaceChildren(...served.models.map((one) => el("option", { value: one.id, text: one.id })));
    const found = modelNamed(chosen);
    if (found) model.control.value = found.id;
    model.box.hidden = served.models.length < 2;
    list.replaceChildren(...Object.keys(served.tasks).map((name) => el("option", { value: name })));
    const plain = mode.control.value === "plain";
    task.control.disabled = plain || !found?.takes_task;
    task.box.hidden = task.control.disabled;
    mode.help.textContent = t(`prompt.${mode.control.value || "symmetric"}`);
  }

  return {
    box,
    fields: { model, mode, task },
    refresh,
    set(values) {
      if (values.mode) mode.control.value = values.mode;
      if (!mode.control.value) mode.control.value = "symmetric";
      task.control.value = values.task ?? "";
      wanted = values.model ?? "";
      refresh();
    },
    /** What is chosen, as requests have it. */
    asked() {
      const words = task.control.disabled ? "" : task.control.value.trim();
      return {
        model: model.control.value,
        mode: mode.control.value,
        ...(words ? { task: words } : {}),
      };
    },
    /** The same for the address, without what goes without saying. */
    address() {
      const { mode: chosen, task: words } = this.asked();
      return {
        model: served.models.length === 1 ? "" : model.control.value || wanted,
        mode: chosen === "symmetric" ? "" : chosen,
        task: words ?? "",
      };
    },
  };
}

/** Show a problem next to the field that it is about, or in the general place. */
export function showProblem(problem, fields, general) {
  for (const one of new Set(Object.values(fields))) one.problem(null);
  general.textContent = "";
  general.hidden = !problem;
  if (!problem) return;
  if (problem.status === undefined) throw problem;
  const found = fields[problem.param];
  if (found) {
    found.problem(problem.words());
    general.hidden = true;
  } else {
    general.textContent = problem.words();
  }
}
