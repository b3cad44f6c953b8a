"""Teachers: networks that judge what is made while a model is trained."""
