import { mostLevels } from '../configuration/tree.ts';
import { MesoscopeError, shortened } from '../errors.ts';
import { defaultInputBudget, type ReadOptions, requireBudget } from './arrays.ts';

/** Bytes that a value and a list or object take once read, about. */
const valueBytes = 8;
const containerBytes = 48;

const [backslash, quote, comma, openList, closeList, openObject, closeObject] = '\\",[]{}'
  .split('')
  .map((character) => character.charCodeAt(0));

/**
 * Reads JSON in UTF-8, or in UTF-16 with its mark (as PowerShell writes), after its nesting and the memory that it
 * will take have been judged by its brackets and commas.
 *
 * @throws MesoscopeError `file`, `too-large`
 */
export function parseJson(
  bytes: Uint8Array,
  path: string,
  { budget = defaultInputBudget }: ReadOptions = {},
): unknown {
  const text = decodeText(bytes);
  let depth = 0;
  let memory = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (quoted) {
      if (character === backslash) i++;
      else if (character === quote) quoted = false;
    } else if (character === quote) {
      quoted = true;
    } else if (character === comma) {
      memory += valueBytes;
    } else if (character === openList || character === openObject) {
      memory += containerBytes;
      if (++depth > mostLevels) {
        throw refused(path, `it is nested deeper than ${mostLevels} levels`);
      }
    } else if (character === closeList || character === closeObject) {
      depth--;
    }
  }
  requireBudget(path, 'its content', memory, budget);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refused(path, `it is no valid JSON (${shortened(reason.replace(/\s+/g, ' '))})`);
  }
}

function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  return new TextDecoder().decode(bytes);
}

function refused(path: string, reason: string): MesoscopeError {
  const wayOut = 'A configuration file is JSON, .npz or .safetensors.';
  return new MesoscopeError({ code: 'file', path, reason, wayOut });
}
