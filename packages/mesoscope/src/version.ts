/** The version of the library, as every output names it. */
export const version = '0.1.0';
