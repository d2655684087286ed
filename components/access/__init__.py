"""Who may open an app's URLs: Istio's authorization policies, and the login page."""
