// The controls that several views have: model, mode, task.

import { choice, el, field, tell } from "./dom.js";
import { modelNamed, served } from "./served.js";
import { t } from "./language.js";

const USUAL_MODE = "symmetric";

/** Make the controls; `changed()` is told of every choice. */
export function modelSettings(changed) {
  const model = field(
    "field.model", choice([], { change: chooseModel }), el("p", { class: "problem", role: "alert", hidden: true }),
  );
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

  function chooseModel() {
    wanted = "";
    update();
  }

  function update() {
    refresh();
    changed();
  }

  function refresh() {
    const chosen = wanted || model.control.value;
    model.control.replaceChildren(...served.models.map((one) => el("option", { value: one.id, text: one.id })));
    const known = modelNamed(chosen);
    const found = known ?? served.models[0];
    if (found) model.control.value = found.id;
    const missing = Boolean(chosen && found && !known);
    model.help.hidden = !missing;
    tell(model.help, missing ? () => t("field.noModel", { wanted: chosen, used: found.id }) : null);
    model.box.hidden = served.models.length < 2 && !missing;
    list.replaceChildren(...Object.keys(served.tasks).map((name) => el("option", { value: name })));
    const plain = mode.control.value === "plain";
    task.control.disabled = plain || !found?.takes_task;
    task.box.hidden = task.control.disabled;
    mode.help.textContent = t(`prompt.${mode.control.value || USUAL_MODE}`);
  }

  return {
    box,
    fields: { model, mode, task },
    refresh,
    /** Set all of them; what is not given is as at the beginning. */
    set(values) {
      mode.control.value = values.mode ?? USUAL_MODE;
      if (!mode.control.value) mode.control.value = USUAL_MODE;
      task.control.value = values.task ?? "";
      wanted = values.model ?? served.models[0]?.id ?? "";
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
        mode: chosen === USUAL_MODE ? "" : chosen,
        task: words ?? "",
      };
    },
  };
}

/** Show a problem next to the field that it is about, or in the general place. */
export function showProblem(problem, fields, general) {
  for (const one of new Set(Object.values(fields))) one.problem(null);
  tell(general, null);
  general.hidden = true;
  if (!problem) return;
  if (problem.status === undefined) throw problem;
  const words = () => problem.words();
  if (problem.param && Object.hasOwn(fields, problem.param)) {
    fields[problem.param].problem(words);
  } else {
    general.hidden = false;
    tell(general, words);
  }
}
