// What the server has: models, collections, tasks; asked again until everything is loaded.

import { ask } from "./api.js";

const AGAIN_MILLISECONDS = 1500;

export const served = {
  models: [], collections: [], tasks: {}, mostInputs: 0, mostCalibrated: 0, ready: false, problem: null,
};
let asking = 0;

/** Ask what is served and tell everybody, with the event "served". Only the newest asking goes on. */
export async function askServed() {
  const mine = (asking += 1);
  let again = false;
  try {
    const [listed, known] = await Promise.all([ask("/v1/models"), ask("/page/served.json")]);
    if (mine !== asking) return;
    const further = new Map(known.models.map((one) => [one.id, one]));
    served.models = listed.data.map((one) => ({ ...one, ...further.get(one.id) }));
    served.collections = known.collections;
    served.tasks = known.tasks;
    served.mostInputs = known.most_inputs;
    served.mostCalibrated = known.most_calibration_pairs;
    served.ready = served.models.every((one) => one.ready) && known.ready;
    served.problem = null;
    again = !served.ready;
  } catch (error) {
    if (error.status === undefined) throw error;
    if (mine !== asking) return;
    served.problem = error;
    // Without the right key, asking again changes nothing.
    again = error.status !== 401;
  }
  document.dispatchEvent(new CustomEvent("served"));
  if (again) setTimeout(() => mine === asking && askServed(), AGAIN_MILLISECONDS);
}

/** Give the model of a name or alias, or undefined. */
export function modelNamed(name) {
  return served.models.find((one) => one.id === name || one.aliases.includes(name));
}
