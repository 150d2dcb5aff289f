/** Of all programs of this repository; the release changes it together with package.json. */
export const version = '0.1.0';
