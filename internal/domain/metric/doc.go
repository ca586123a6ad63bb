// Package metric is a company's metrics as its dbt project defines them, and the questions that can be asked of
// them: what there is to ask (Catalog), a question and its answer, and the ports to where the definitions come
// from and to the engine that answers. What the engine computes, and who may ask, is decided elsewhere.
package metric
