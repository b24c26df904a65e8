def raise_if_tinker_not_accessible():
    import tinker

    tinker._call("accessible")
