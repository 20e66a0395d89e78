// What the server has: models, collections, tasks; asked again until everything is loaded.

import { ask } from "./api.js";

const AGAIN_MILLISECONDS = 1500;

export const served = { models: [], collections: [], tasks: {}, ready: false, problem: null };

/** Ask what is served and tell everybody, with the event "served". */
export async function askServed() {
  let again = false;
  try {
    const [listed, known] = await Promise.all([ask("/v1/models"), ask("/page/served.json")]);
    const further = new Map(known.models.map((one) => [one.id, one]));
    served.models = listed.data.map((one) => ({ ...one, ...further.get(one.id) }));
    served.collections = known.collections;
    served.tasks = known.tasks;
    served.memory = known.memory_bytes;
    served.mostInputs = known.most_inputs;
    served.ready = served.models.every((one) => one.ready) && known.ready;
    served.problem = null;
    again = !served.ready;
  } catch (error) {
    if (error.status === undefined) throw error;
    served.problem = error;
    // Without the right key, asking again changes nothing.
    again = error.status !== 401;
  }
  document.dispatchEvent(new CustomEvent("served"));
  if (again) setTimeout(askServed, AGAIN_MILLISECONDS);
}

export function modelNamed(name) {
  return served.models.find((one) => one.id === name || one.aliases.includes(name)) ?? served.models[0];
}
