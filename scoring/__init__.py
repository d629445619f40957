"""What SQL cannot say: models that are fitted, texts that are read. Arrow in, Arrow out.

dbt Python models (`models/**/*.py`) call these functions, so that plain `dbt build` works too; nothing here knows dbt, the CLI
or the warehouse. scipy and scikit-learn are imported inside the functions that need them: who fits nothing pays nothing.
"""
