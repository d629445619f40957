"""Churn, expected orders and value of customers: probability models, their fits, their back-tests, their scores.

Facts of customers (Arrow) -> `fits.fit_models` -> parameters and back-tests -> `scores.score_customers` -> a row per
customer. Time is in weeks inside the models, so that parameters compare with published ones.
"""
