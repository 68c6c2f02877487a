/** The address of the server under test and of the browsers, in the tests' own network namespace. */
export const HOST = '10.77.0.1';
/** The same for IPv6. */
export const HOST_V6 = 'fd77::1';
