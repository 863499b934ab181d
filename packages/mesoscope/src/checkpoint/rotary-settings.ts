import type { Settings } from './settings.ts';

/**
 * θ of rotary positions that are not stretched: from `rope_parameters` (below `layers`, where it differs by the kind of layer), else
 * as given.
 *
 * @throws MesoscopeError `invalid-value` for stretched positions
 */
export function plainTheta(settings: Settings, otherwise: number, layers?: string): number {
  const all = settings.below('rope_parameters');
  const own = layers === undefined ? all : all?.below(layers);
  for (const rope of [own, settings.below('rope_scaling')]) {
    for (const key of ['rope_type', 'type']) {
      rope?.only(key, 'default', 'stretched rotary positions are not built');
    }
    rope?.only('partial_rotary_factor', 1, 'rotary positions of a part of a head are not built');
  }
  return own?.positive('rope_theta', otherwise) ?? otherwise;
}
