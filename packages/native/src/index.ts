import type { Backend } from 'mesoscope/kernels';
import { addonState } from './addon.ts';
import { backendOfAddon, type NativeBackendOptions, unsupported } from './backend.ts';

export { type AddonState, addonState, type Level, platformPackage } from './addon.ts';
export type { NativeBackendOptions } from './backend.ts';

/**
 * The kernels of the wasm backend, compiled for the vectors of this processor. Results do not depend on the number of
 * threads; they differ from wasm's in the last digits, since sums over tokens are taken in another order.
 *
 * @throws MesoscopeError `invalid-value`, `unknown-name`; `unsupported` where there is no addon, or the processor lacks the level;
 * `out-of-memory`
 */
export function createNativeBackend(options: NativeBackendOptions = {}): Backend {
  const state = addonState();
  if (state.addon === undefined) throw unsupported('native kernels', state.reason);
  return backendOfAddon(state.addon, options);
}
