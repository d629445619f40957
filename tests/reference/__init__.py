"""Reference data: what the seeds are generated from (`python -m tests.reference`), and published cases the tests compare with.

`phone_examples.csv`: example numbers of libphonenumber (Apache-2.0), taken with the package phonenumbers 9.0.43.
`email_normalisation_cases.csv`: cases of validator.js (MIT), test/sanitizers.test.js at 1a49189.
"""
