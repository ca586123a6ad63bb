package manifest

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// document is semantic_manifest.json as dbt and its successors write it, as far as listings need it.
type document struct {
	SemanticModels *[]semanticModel `json:"semantic_models"`
	Metrics        []metricNode     `json:"metrics"`
	SavedQueries   []savedQuery     `json:"saved_queries"`
	Project        struct {
		TimeSpines []struct {
			Primary struct {
				Grain string `json:"time_granularity"`
			} `json:"primary_column"`
			Custom []struct {
				Name string `json:"name"`
			} `json:"custom_granularities"`
		} `json:"time_spines"`
		LegacyTimeSpines []struct {
			Grain string `json:"grain"`
		} `json:"time_spine_table_configurations"`
	} `json:"project_configuration"`
}

// described is what most elements have in common.
type described struct {
	Name        string `json:"name"`
	Label       string `json:"label"`
	Description string `json:"description"`
	Config      struct {
		Meta map[string]any `json:"meta"`
	} `json:"config"`
}

type semanticModel struct {
	described
	PrimaryEntity string `json:"primary_entity"`
	Defaults      struct {
		AggTimeDimension string `json:"agg_time_dimension"`
	} `json:"defaults"`
	Entities []struct {
		described
		Type string `json:"type"`
	} `json:"entities"`
	Dimensions []struct {
		described
		Type       string `json:"type"`
		TypeParams struct {
			Grain    string          `json:"time_granularity"`
			Validity json.RawMessage `json:"validity_params"`
		} `json:"type_params"`
	} `json:"dimensions"`
	Measures []measure `json:"measures"`
}

type measure struct {
	described
	Agg              string `json:"agg"`
	Expr             scalar `json:"expr"`
	AggTimeDimension string `json:"agg_time_dimension"`
	CreateMetric     bool   `json:"create_metric"`
}

type metricNode struct {
	described
	Type            string  `json:"type"`
	Filter          filters `json:"filter"`
	TimeGranularity string  `json:"time_granularity"`
	TypeParams      struct {
		Measure     *input           `json:"measure"`
		Aggregation *aggregation     `json:"metric_aggregation_params"`
		Expr        scalar           `json:"expr"`
		Numerator   *input           `json:"numerator"`
		Denominator *input           `json:"denominator"`
		Metrics     []input          `json:"metrics"`
		Window      window           `json:"window"`
		GrainToDate string           `json:"grain_to_date"`
		Cumulative  cumulativeParams `json:"cumulative_type_params"`
		Conversion  conversionParams `json:"conversion_type_params"`
		IsPrivate   bool             `json:"is_private"`
		filling
	} `json:"type_params"`
	Metadata struct {
		File  string `json:"repo_file_path"`
		Slice struct {
			Line int `json:"start_line_number"`
		} `json:"file_slice"`
	} `json:"metadata"`
}

// filling says that an aggregation has values where there are no rows: along the calendar, or instead of null.
type filling struct {
	JoinToTimeSpine bool `json:"join_to_timespine"`
	FillNullsWith   *int `json:"fill_nulls_with"`
}

func (f *filling) fills() bool { return f != nil && (f.JoinToTimeSpine || f.FillNullsWith != nil) }

type aggregation struct {
	SemanticModel    string `json:"semantic_model"`
	Agg              string `json:"agg"`
	AggTimeDimension string `json:"agg_time_dimension"`
}

type cumulativeParams struct {
	Window      window `json:"window"`
	GrainToDate string `json:"grain_to_date"`
	PeriodAgg   string `json:"period_agg"`
	Metric      *input `json:"metric"`
}

type conversionParams struct {
	BaseMeasure       *input `json:"base_measure"`
	BaseMetric        *input `json:"base_metric"`
	ConversionMeasure *input `json:"conversion_measure"`
	ConversionMetric  *input `json:"conversion_metric"`
	Entity            string `json:"entity"`
	Calculation       string `json:"calculation"`
	Window            window `json:"window"`
}

// input names a metric or, in the older generation, a measure.
type input struct {
	Name          string  `json:"name"`
	Alias         string  `json:"alias"`
	Filter        filters `json:"filter"`
	OffsetWindow  window  `json:"offset_window"`
	OffsetToGrain string  `json:"offset_to_grain"`
	filling
}

// fillsNulls is false for an input that is not there.
func (i *input) fillsNulls() bool { return i != nil && i.fills() }

type savedQuery struct {
	described
	Params struct {
		Metrics []string `json:"metrics"`
		GroupBy []string `json:"group_by"`
		Where   filters  `json:"where"`
		OrderBy []string `json:"order_by"`
		Limit   int      `json:"limit"`
	} `json:"query_params"`
}

// filters are the conditions of an intersection; a bare string, which older writers produce, is one condition.
type filters []string

func (f *filters) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		if one != "" {
			*f = filters{one}
		}
		return nil
	}
	var all struct {
		Filters []struct {
			SQL string `json:"where_sql_template"`
		} `json:"where_filters"`
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	for _, w := range all.Filters {
		*f = append(*f, w.SQL)
	}
	return nil
}

// window is a length of time, as an object or as text, printed as "7 day".
type window string

func (w *window) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*w = window(strings.Join(strings.Fields(text), " "))
		return nil
	}
	var parts *struct {
		Count       int    `json:"count"`
		Granularity string `json:"granularity"`
	}
	if err := json.Unmarshal(data, &parts); err != nil || parts == nil {
		return err
	}
	*w = window(strconv.Itoa(parts.Count) + " " + parts.Granularity)
	return nil
}

// scalar is text that YAML may have read as a number or a boolean: expr: 1.
type scalar string

func (s *scalar) UnmarshalJSON(data []byte) error {
	var text string
	switch {
	case json.Unmarshal(data, &text) == nil:
		*s = scalar(text)
	default:
		*s = scalar(bytes.TrimSpace(data))
	}
	return nil
}
