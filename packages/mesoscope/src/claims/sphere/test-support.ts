export { backend, find, I, scaled, unmet } from '../gaussian/test-support.ts';
